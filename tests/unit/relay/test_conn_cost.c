/*
 * What a connection that is soon over asks of the kernel, beside carrying bytes.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <stddef.h>

#include <openssl/ssl.h>

#include <criterion/criterion.h>

#include "base/base.h"
#include "net/wraps.h"
#include "relay/conn_keepalive.h"
#include "stage.h"

static struct stage stage;
static unsigned keepalives, nodelays, lingers, looks;

int
__wrap_setsockopt(
    int fd, int level, int name, const void *value, socklen_t length)
{
    keepalives += level == SOL_SOCKET && name == SO_KEEPALIVE;
    keepalives += level == IPPROTO_TCP && name == TCP_KEEPIDLE;
    nodelays += level == IPPROTO_TCP && name == TCP_NODELAY;
    lingers += level == SOL_SOCKET && name == SO_LINGER;
    return __real_setsockopt(fd, level, name, value, length);
}

int
__wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *length)
{
    looks += level == IPPROTO_TCP && name == TCP_INFO;
    return __real_getsockopt(fd, level, name, value, length);
}

static void
forget(void)
{
    keepalives = nodelays = lingers = looks = 0;
}

TestSuite(conn_cost, .timeout = 60);

static void
run_one(int client, int server)
{
    stage_open(&stage,
        &(struct stage_spec){ .client = client, .server = server });
    stage.config.connect_leg.keepalive = (struct keepalive){ true, 60, 10, 6 };
    stage_begin(&stage, 1, 1, false);
    cr_assert(conn_keepalive_open(&stage.relay));
    forget(); /* the peers' own sockets are made */
    stage_run(&stage, stage_work);
    cr_expect_str_eq(stage_reason(&stage), "client-closed");
    stage_end(&stage);
    stage_close(&stage);
}

Test(conn_cost, sets_no_option_that_only_a_long_connection_needs)
{
    run_one(0, 0);
    cr_expect_eq(keepalives, 0);
    cr_expect_eq(nodelays, 0, "one write needs none");
    cr_expect_leq(lingers, 3, "set towards the server, taken back on both");
}

Test(conn_cost, does_not_ask_after_a_client_that_is_still)
{
    run_one(0, TLS1_3_VERSION);
    cr_expect_leq(looks, 1, "%u", looks);
}
