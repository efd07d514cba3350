/* Names of more than one address, in a network of the test's own. */
#include <netinet/in.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/address.h"
#include "base/clock.h"
#include "dial.h"
#include "own_net.h"
#include "wire.h"

static struct dial dial;

static void
set_up(void)
{
    if (!own_net_enter("", ""))
        cr_skip_test("it takes rights to have a network of one's own");
    dial_open(&dial,
        "127.0.0.1 localhost\n"
        "::1 two.test\n127.0.0.1 two.test\n"
        "127.0.0.2 half.test\n127.0.0.1 half.test\n"
        "192.0.2.1 away.test\n");
}

static void
tear_down(void)
{
    dial_close(&dial);
}

TestSuite(connector_names, .init = set_up, .fini = tear_down, .timeout = 30);

/* The name's server listens at one of its two addresses only. */
Test(connector_names, tries_every_address_of_a_name)
{
    uint16_t v6_port;
    int v6 = wire_listen(true, 1, &v6_port);

    dial_add(&dial, "two.test", dial.port);
    dial_run(&dial);
    dial_expect(&dial, 0);
    dial.endpoints[0].port = v6_port;
    dial_run(&dial);
    dial_expect(&dial, 0);
    close(v6);
}

static const struct {
    const char *host;
    enum connector_result want;
} fates[] = {
    { "away.test", CONNECTOR_UNREACHABLE }, /* this network has no way out */
    { "192.0.2.1", CONNECTOR_UNREACHABLE },
    { "unknown.test", CONNECTOR_UNRESOLVED }, /* no DNS server answers */
    { "two.test", CONNECTOR_REFUSED },
};

Test(connector_names, tells_failures_apart)
{
    for (size_t i = 0; i < COUNT(fates); i++) {
        dial.service.connect.count = 0;
        dial_add(&dial, fates[i].host, wire_free_port());
        dial_run(&dial);
        cr_expect_eq(dial.result, fates[i].want, "%s: %d", fates[i].host,
            dial.result);
        dial_add(&dial, "127.0.0.1", dial.port); /* ... it goes on to this */
        dial_run(&dial);
        dial_expect(&dial, 1);
    }
}

/* A listener at 127.0.0.2 whose queue is full: it swallows what is sent to it, as a
 * route that leads nowhere does. */
static void
open_silent(int fds[5])
{
    struct sockaddr_in silent = { .sin_family = AF_INET,
        .sin_port = htons(dial.port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1) };
    struct sockaddr *address = (struct sockaddr *)&silent;

    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(fds[0], address, sizeof(silent)), 0);
    cr_assert_eq(listen(fds[0], 0), 0);
    for (size_t i = 1; i < 5; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fds[i], address, sizeof(silent));
    }
    wire_sleep_ms(5);
}

static void
close_silent(int fds[5])
{
    for (size_t i = 0; i < 5; i++)
        close(fds[i]);
}

/* The time that an endpoint has is for all its addresses. */
Test(connector_names, a_silent_address_leaves_time_for_the_other)
{
    int fds[5];

    open_silent(fds);
    dial_add(&dial, "half.test", dial.port);
    dial_run(&dial);
    dial_expect(&dial, 0);
    close_silent(fds);
}

/* RFC 8305: a client does not wait for long, and the next one not at all. */
Test(connector_names, overtakes_a_silent_address)
{
    uint64_t before_ms = clock_now_ms();
    int fds[5];

    open_silent(fds);
    dial.service.connect_timeout_ms = MINUTES(1);
    dial_add(&dial, "half.test", dial.port);
    dial_run(&dial);
    dial_expect(&dial, 0);
    cr_expect_leq(clock_now_ms() - before_ms, SECONDS(15));
    cr_expect_eq(dial.failures, 1);
    cr_expect_eq(dial.failed[0], CONNECTOR_OVERTAKEN);
    dial_run(&dial);
    dial_expect(&dial, 0);
    cr_expect_eq(dial.failures, 0, "it is tried last now");
    close_silent(fds);
}

/* The address that was overtaken is tried again where the faster one proves
 * useless: it may only have been slow. */
Test(connector_names, comes_back_to_an_address_that_was_overtaken)
{
    int fds[5], taken;

    open_silent(fds);
    dial.service.connect_timeout_ms = MINUTES(1);
    dial_add(&dial, "half.test", dial.port);
    dial_run(&dial);
    cr_assert_not_null(dial.connector);
    for (int i = 0; i < 4 && (taken = accept(fds[0], NULL, NULL)) >= 0; i++) {
        close(taken);
        close(fds[i + 1]);
        fds[i + 1] = -1;
        if (i == 0)
            fcntl(fds[0], F_SETFL, O_NONBLOCK);
    }
    dial_next(&dial, false);
    dial_expect(&dial, 0);
    close_silent(fds);
}

/* With every local port in use, connecting waits for one until the timeout: the
 * sockets of connections that are over keep theirs for a minute (TIME_WAIT). */
static void
narrow_ports(const char *range)
{
    int fd = open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY);

    cr_assert(write(fd, range, strlen(range)) == (ssize_t)strlen(range));
    close(fd);
}

static int
occupy_port(void)
{
    struct sockaddr_in server = { .sin_family = AF_INET,
        .sin_port = htons(dial.port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    cr_assert_eq(connect(fd, (struct sockaddr *)&server, sizeof(server)), 0);
    return fd;
}

Test(connector_names, waits_for_a_local_port)
{
    int taken;

    narrow_ports("50000 50000");
    taken = occupy_port();
    dial_add(&dial, "127.0.0.1", dial.port);
    dial_run(&dial);
    cr_expect_eq(dial.result, CONNECTOR_PORTLESS);
    dial.service.connect_timeout_ms = MINUTES(1);
    dial_begin(&dial);
    for (int i = 0; i < 3; i++)
        wire_turn(dial.loop);
    cr_expect_eq(dial.calls, 0, "it waits");
    wire_reset(taken); /* leaves no TIME_WAIT */
    dial_finish(&dial);
    dial_expect(&dial, 0);
}

/* Ports are counted for each server: the next one may be reached at once. */
Test(connector_names, tries_the_next_server_for_want_of_a_local_port)
{
    uint16_t other_port;
    int other = wire_listen(false, 4, &other_port), taken;

    narrow_ports("50000 50000");
    taken = occupy_port();
    dial.service.connect_timeout_ms = MINUTES(1);
    dial_add(&dial, "127.0.0.1", dial.port);
    dial_add(&dial, "127.0.0.1", other_port);
    dial_run(&dial);
    dial_expect(&dial, 1);
    cr_expect_eq(dial.failed[0], CONNECTOR_PORTLESS);
    close(taken);
    close(other);
}

/* The kernel may give a socket the very port that it is to connect to, where no
 * server listens: the client would get its own bytes back. */
Test(connector_names, refuses_a_connection_to_itself)
{
    narrow_ports("50001 50001");
    dial_add(&dial, "127.0.0.1", 50001);
    dial_run(&dial);
    cr_expect_eq(dial.result, CONNECTOR_SELF);
    dial.endpoints[0].host = (char *)"::1";
    dial_run(&dial);
    cr_expect_eq(dial.result, CONNECTOR_SELF);
    dial.endpoints[0].host = (char *)"0.0.0.0";
    dial_run(&dial);
    cr_expect_eq(dial.result, CONNECTOR_SELF);
}

static bool
is_own_address(void *arg, const struct address *to, const struct address *from)
{
    struct address host = *to, source;

    (void)arg;
    if (from == NULL)
        return false;
    source = *from;
    address_set_port(&host, 0);
    address_set_port(&source, 0);
    return address_same(&host, &source);
}

/* Which of this machine's addresses one is shows when a socket is connected. */
Test(connector_names, refuses_an_address_that_proves_to_lead_back)
{
    enum { OWN = 0xc0000209 }; /* 192.0.2.9 */
    struct sockaddr_in at = { .sin_family = AF_INET,
        .sin_port = htons(50002), .sin_addr.s_addr = htonl(OWN) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    own_net_add(OWN);
    cr_assert_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    cr_assert_eq(listen(fd, 4), 0);
    dial_add(&dial, "192.0.2.9", 50002);
    dial_run(&dial);
    dial_expect(&dial, 0);
    dial.returns = is_own_address;
    dial_run(&dial);
    cr_expect_eq(dial.result, CONNECTOR_RETURNS);
    close(fd);
}
