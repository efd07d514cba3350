/* Unix sockets: at once, or not while their queue is full. */
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/scratch.h"
#include "config/config.h"
#include "net/connector.h"
#include "net/loop.h"
#include "wire.h"

enum { QUEUE = 3 };

static struct loop *loop;
static struct connector_memory memory;
static struct connector *connector;
static struct endpoint endpoint = { .kind = ENDPOINT_UNIX };
static struct service_config service = {
    .connect = { &endpoint, 1 },
    .connect_timeout_ms = 200,
};
static int listening = -1, queued[QUEUE], fd = -1, calls;
static enum connector_result result;

static void
on_done(void *arg, enum connector_result how, int socket,
    const struct endpoint *tried, const struct address *address)
{
    (void)arg;
    cr_expect_eq(tried, &endpoint);
    cr_expect_not_null(address);
    calls++;
    result = how;
    fd = socket;
}

static void
listen_at(const char *path)
{
    struct address address;

    endpoint.path = strdup(path);
    cr_assert(address_from_path(&address, path));
    listening = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    cr_assert_eq(bind(listening, (struct sockaddr *)&address.storage,
                     address.length), 0);
    cr_assert_eq(listen(listening, QUEUE - 1), 0);
}

static void
fill_queue(void)
{
    struct address address;

    cr_assert(address_from_path(&address, endpoint.path));
    for (size_t i = 0; i < QUEUE; i++) {
        queued[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        cr_assert_eq(connect(queued[i], (struct sockaddr *)&address.storage,
                         address.length), 0);
    }
}

static void
set_up(void)
{
    loop = loop_new();
    cr_assert_not_null(loop);
    listen_at(scratch_path("socket"));
    memset(queued, -1, sizeof(queued));
}

static void
tear_down(void)
{
    connector_cancel(connector);
    for (size_t i = 0; i < QUEUE; i++)
        close(queued[i]);
    close(listening);
    close(fd);
    free(endpoint.path);
    loop_free(loop);
    scratch_remove();
}

TestSuite(connector_unix, .init = set_up, .fini = tear_down, .timeout = 20);

static void
begin(void)
{
    connector_start(&(struct connector_spec){ .loop = loop, .memory = &memory,
                        .service = &service, .done = on_done },
        &connector);
}

static bool
is_done(void *arg)
{
    (void)arg;
    return calls > 0;
}

Test(connector_unix, connects_before_start_returns)
{
    begin();
    cr_expect_eq(calls, 1);
    cr_expect_eq(result, CONNECTOR_CONNECTED);
    cr_expect_null(connector);
}

Test(connector_unix, waits_for_room_in_the_queue)
{
    fill_queue();
    begin();
    for (int i = 0; i < 5; i++) {
        wire_turn(loop);
        wire_sleep_ms(8);
    }
    cr_expect_eq(calls, 0);
    close(accept(listening, NULL, NULL));
    cr_assert(wire_until(loop, is_done, NULL));
    cr_expect_eq(result, CONNECTOR_CONNECTED);
}

Test(connector_unix, does_not_wait_for_ever)
{
    uint64_t before_ms = clock_now_ms(), took_ms;

    fill_queue();
    begin();
    cr_assert(wire_until(loop, is_done, NULL));
    took_ms = clock_now_ms() - before_ms;
    cr_expect_eq(result, CONNECTOR_TIMEOUT);
    cr_expect_geq(took_ms, 190);
    cr_expect_leq(took_ms, 800);
}

Test(connector_unix, may_be_cancelled_while_it_waits)
{
    fill_queue();
    for (int turns = 0; turns < 4; turns++) {
        begin();
        for (int i = 0; i < turns; i++) {
            wire_turn(loop);
            wire_sleep_ms(6);
        }
        connector_cancel(connector);
        cr_expect_null(connector);
    }
    close(accept(listening, NULL, NULL));
    wire_sleep_ms(20);
    wire_turn(loop);
    cr_expect_eq(calls, 0);
}

Test(connector_unix, a_dead_server_refuses)
{
    close(listening);
    listening = -1;
    begin();
    cr_expect_eq(calls, 1);
    cr_expect_eq(result, CONNECTOR_REFUSED);
}
