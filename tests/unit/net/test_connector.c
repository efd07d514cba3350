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
    dial_open(&dial);
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

Test(connector, sets_the_options)
{
    int on = 0;
    socklen_t length = sizeof(on);

    dial.service.connect_leg.user_timeout_ms = 4321;
    dial_add(&dial, "127.0.0.1", dial.port);
    dial_run(&dial);
    getsockopt(dial.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &on, &length);
    cr_expect_eq(on, 4321);
    getsockopt(dial.fd, IPPROTO_TCP, TCP_NODELAY, &on, &length);
    cr_expect_eq(on, 1);
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
