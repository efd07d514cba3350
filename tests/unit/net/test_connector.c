#include "net/connector.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/scratch.h"
#include "dial.h"
#include "wire.h"

static struct dial dial;

static void
set_up(void)
{
    dial_open(&dial, "127.0.0.1 localhost\n");
}

static void
tear_down(void)
{
    dial_close(&dial);
}

TestSuite(connector, .init = set_up, .fini = tear_down, .timeout = 30);

Test(connector, reaches_the_first_that_accepts)
{
    dial_add(&dial, "127.0.0.1", dial.port);
    dial_add(&dial, "127.0.0.1", wire_free_port());
    dial_run(&dial);
    dial_expect(&dial, 0);
    cr_expect_eq(dial.reached_port, dial.port);
}

Test(connector, tries_one_after_the_other)
{
    dial_add(&dial, "127.0.0.1", wire_free_port());
    dial_add(&dial, "127.0.0.1", dial.port);
    dial_add(&dial, "127.0.0.1", dial.port);
    dial_run(&dial);
    dial_expect(&dial, 1);
}

/* Promise 49 */
Test(connector, goes_on_after_a_refusal)
{
    char *missing = strdup(scratch_path("missing"));

    dial_add(&dial, "127.0.0.1", wire_free_port());
    dial_add(&dial, missing, 0);
    dial_add(&dial, "127.0.0.1", dial.port);
    dial_run(&dial);
    dial_expect(&dial, 2);
    free(missing);
}

Test(connector, says_who_refused_last)
{
    uint16_t closed = wire_free_port();

    dial_add(&dial, scratch_path("missing"), 0);
    dial_add(&dial, "127.0.0.1", closed);
    dial_run(&dial);
    cr_expect_eq(dial.result, CONNECTOR_REFUSED);
    cr_expect_eq(dial.reached, &dial.endpoints[1]);
    cr_expect_eq(dial.reached_port, closed);
}

Test(connector, sets_the_options_that_matter_at_once)
{
    int on = 0;
    socklen_t length = sizeof(on);
    struct linger linger;

    dial.service.connect_leg.user_timeout_ms = 4321;
    dial_add(&dial, "127.0.0.1", dial.port);
    dial_run(&dial);
    getsockopt(dial.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &on, &length);
    cr_expect_eq(on, 4321);
    getsockopt(dial.fd, SOL_SOCKET, SO_OOBINLINE, &on, &length);
    cr_expect_eq(on, 1);
    length = sizeof(linger);
    getsockopt(dial.fd, SOL_SOCKET, SO_LINGER, &linger, &length);
    cr_expect(linger.l_onoff == 1 && linger.l_linger == 0,
        "the server would take a worker's death for a proper end");
}

/* A listener whose queue is full answers no SYN at all. */
static void
fill_queue(int fds[], size_t count, uint16_t at)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
        .sin_port = htons(at), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    for (size_t i = 0; i < count; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fds[i], (struct sockaddr *)&address, sizeof(address));
    }
    wire_sleep_ms(5);
}

Test(connector, gives_up_on_a_silent_server_in_time)
{
    uint16_t silent;
    int fds[4], full = wire_listen(false, 0, &silent);
    uint64_t before_ms = clock_now_ms(), took_ms;

    fill_queue(fds, COUNT(fds), silent);
    dial_add(&dial, "127.0.0.1", silent);
    dial_run(&dial);
    took_ms = clock_now_ms() - before_ms;
    cr_expect_eq(dial.result, CONNECTOR_TIMEOUT);
    cr_expect_geq(took_ms, 290);
    cr_expect_leq(took_ms, 900);
    dial_add(&dial, "127.0.0.1", dial.port); /* has a time of its own */
    dial_run(&dial);
    dial_expect(&dial, 1);
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
    close(full);
}

static void
try_cancel(const char *host, uint16_t at, int turns)
{
    dial.service.connect.count = 0;
    dial_add(&dial, host, at);
    dial_begin(&dial);
    for (int i = 0; i < turns; i++) {
        wire_turn(dial.loop);
        wire_sleep_ms(3);
    }
    connector_cancel(dial.connector);
    cr_expect_null(dial.connector);
    if (dial.fd >= 0)
        close(dial.fd);
    dial.fd = -1;
    for (int i = 0; i < 3; i++)
        wire_turn(dial.loop);
}

Test(connector, may_be_cancelled_at_any_time)
{
    uint16_t silent;
    int fds[4], full = wire_listen(false, 0, &silent);

    fill_queue(fds, COUNT(fds), silent);
    connector_cancel(NULL);
    for (int turns = 0; turns < 5; turns++) {
        try_cancel("127.0.0.1", dial.port, turns);
        try_cancel("127.0.0.1", silent, turns);
        try_cancel("127.0.0.1", wire_free_port(), turns);
        try_cancel("localhost", dial.port, turns);
        try_cancel("no-such-name.invalid", dial.port, turns);
    }
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
    close(full);
}

Test(connector, finds_names)
{
    dial_add(&dial, "localhost", dial.port);
    dial_run(&dial);
    dial_expect(&dial, 0);
    cr_expect_eq(dial.reached_port, dial.port);
}

/* Descriptors that run out are waited for, as long as there is time. */
Test(connector, waits_for_a_descriptor)
{
    struct rlimit before;
    int spare = wire_exhaust(&before);

    dial_add(&dial, "127.0.0.1", dial.port);
    dial_run(&dial);
    cr_expect_eq(dial.result, CONNECTOR_EXHAUSTED);
    dial_begin(&dial);
    wire_turn(dial.loop);
    cr_expect_eq(dial.calls, 0);
    close(spare);
    dial_finish(&dial);
    setrlimit(RLIMIT_NOFILE, &before);
    dial_expect(&dial, 0);
}

/* A server that accepted may be useless: the next one is tried, each once.
 * Promise 49. */
Test(connector, goes_on_after_a_connection_that_came_to_nothing)
{
    dial_add(&dial, "127.0.0.1", dial.port);
    dial_add(&dial, "127.0.0.1", wire_free_port());
    dial_add(&dial, "127.0.0.1", dial.port);
    dial_run(&dial);
    dial_expect(&dial, 0);
    cr_assert_not_null(dial.connector);
    dial_next(&dial, false);
    dial_expect(&dial, 2);
    cr_expect_eq(dial.failures, 1);
    cr_expect_eq(dial.failed[0], CONNECTOR_REFUSED);
    cr_expect_null(dial.connector, "nothing is left");
}

Test(connector, says_what_failed_after_a_connection_that_came_to_nothing)
{
    dial_add(&dial, "127.0.0.1", dial.port);
    dial_add(&dial, "127.0.0.1", wire_free_port());
    dial_run(&dial);
    dial_next(&dial, false);
    cr_expect_eq(dial.result, CONNECTOR_REFUSED);
    cr_expect_eq(dial.reached, &dial.endpoints[1]);
}

/* Silence costs every client the whole timeout, so that a server that was silent
 * waits behind the others for a while; one that refuses does not. */
Test(connector, tries_a_server_that_was_silent_last)
{
    uint16_t silent;
    int fds[4], full = wire_listen(false, 0, &silent);

    fill_queue(fds, COUNT(fds), silent);
    dial_add(&dial, "127.0.0.1", silent);
    dial_add(&dial, "127.0.0.1", dial.port);
    dial_run(&dial);
    dial_expect(&dial, 1);
    cr_expect_eq(dial.failures, 1);
    cr_expect_eq(dial.failed[0], CONNECTOR_TIMEOUT);
    dial_run(&dial);
    dial_expect(&dial, 1);
    cr_expect_eq(dial.failures, 0, "it is not even tried");
    dial.endpoints[1].port = wire_free_port();
    dial_run(&dial);
    cr_expect_eq(dial.result, CONNECTOR_TIMEOUT, "but at last it is");
    cr_expect_eq(dial.reached, &dial.endpoints[0]);
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
    close(full);
}

/* It accepts, and then says nothing: as bad as one that does not accept. */
Test(connector, remembers_a_server_that_was_silent_later)
{
    dial_add(&dial, "127.0.0.1", dial.port);
    dial_add(&dial, "localhost", dial.port);
    dial_run(&dial);
    dial_next(&dial, true);
    cr_expect_eq(dial.memory.silent.count, 1);
}

static bool
is_port_of_dial(void *arg, const struct address *to, const struct address *from)
{
    const struct dial *of = arg;

    return from == NULL && address_port(to) == of->port;
}

Test(connector, refuses_an_address_that_leads_back)
{
    dial_add(&dial, "127.0.0.1", dial.port);
    dial.returns = is_port_of_dial;
    dial_run(&dial);
    cr_expect_eq(dial.result, CONNECTOR_RETURNS);
}
