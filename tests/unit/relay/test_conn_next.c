/* A connection goes on to its next server as a new one would. */
#include <unistd.h>

#include <criterion/criterion.h>

#include "relay/conn_relay.h"
#include "relay/conn_state.h"
#include "stage.h"

enum { MANY_WAKES = 90, TURNS_MOST = 20000 };

static struct stage stage;
static struct endpoint servers[2];

static void
set_up(void)
{
    stage_open(&stage, &(struct stage_spec){ .client = 0 });
    servers[0] = servers[1] = stage.to;
    stage.config.connect.items = servers;
    stage.config.connect.count = 2;
}

static void
tear_down(void)
{
    stage.config.connect.items = &stage.to;
    stage.config.connect.count = 1;
    stage_close(&stage);
}

TestSuite(conn_next, .init = set_up, .fini = tear_down, .timeout = 60);

static void
turn_until_served(void)
{
    for (int i = 0; i < TURNS_MOST; i++) {
        stage_turn(&stage);
        cr_assert_not(LIST_EMPTY(&stage.relay.conns));
        if (stage.server.fd >= 0 &&
            LIST_FIRST(&stage.relay.conns)->state == CONN_RELAY)
            return;
    }
    cr_assert_fail("no server has been reached");
}

/* What the first server's socket did is not held against the second. */
Test(conn_next, counts_wakes_of_its_own)
{
    stage_begin(&stage, 1, 1, false);
    turn_until_served();
    LIST_FIRST(&stage.relay.conns)->idle_wakes = MANY_WAKES;
    close(stage.server.fd);
    stage.server.fd = -1;
    turn_until_served();
    cr_expect_lt(LIST_FIRST(&stage.relay.conns)->idle_wakes, MANY_WAKES);
    cr_expect_not(conn_relay_is_resting(LIST_FIRST(&stage.relay.conns)));
    stage_run(&stage, stage_work);
    cr_expect_str_eq(stage_reason(&stage), "client-closed");
    stage_end(&stage);
}
