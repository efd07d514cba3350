#include "net/listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "base/log.h"
#include "base/scratch.h"
#include "config/config.h"
#include "net/loop.h"
#include "wire.h"

enum { CLIENTS = 5 };

static struct loop *loop;
static struct listener_set set;
static struct error error;
static struct leg_config leg = { .backlog = 16 };
static int accepted[16];
static size_t accepted_count;
static bool pauses; /* after each connection */

static void
on_accept(void *arg, int fd, const struct sockaddr *peer, socklen_t length)
{
    cr_expect_eq(arg, &set);
    cr_expect(peer->sa_family == AF_INET || peer->sa_family == AF_INET6);
    cr_expect_geq(length, sizeof(struct sockaddr_in));
    cr_expect(fcntl(fd, F_GETFL) & O_NONBLOCK);
    cr_expect(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    cr_assert_lt(accepted_count, COUNT(accepted));
    accepted[accepted_count++] = fd;
    if (pauses)
        listener_pause(set.items[0]);
}

static bool
open_inet(const char *host, uint16_t port)
{
    struct endpoint endpoint = {
        .kind = ENDPOINT_INET,
        .host = (char *)host,
        .port = port,
        .text = (char *)"HOST:PORT",
        .origin = { .file = "x.ini", .line = 7 },
    };

    return listener_open(&set, "web", &endpoint, &leg, &error);
}

static int
dial(const char *family, uint16_t port)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
        .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    bool v6 = strcmp(family, "v6") == 0;
    int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int code = v6 ? connect(fd, (struct sockaddr *)&in6, sizeof(in6))
                  : connect(fd, (struct sockaddr *)&in, sizeof(in));

    if (code == 0)
        return fd;
    close(fd);
    return -1;
}

static void
set_up(void)
{
    loop = loop_new();
    cr_assert_not_null(loop);
    cr_assert(log_open(LOG_FILE, scratch_path("log"), LOG_TEXT,
        LOG_LEVEL_DEBUG, &error));
}

static void
tear_down(void)
{
    for (size_t i = 0; i < accepted_count; i++)
        close(accepted[i]);
    listener_set_free(&set);
    error_clear(&error);
    loop_free(loop);
    log_close();
    scratch_remove();
}

TestSuite(listener, .init = set_up, .fini = tear_down, .timeout = 30);

static bool
accepted_all(void *arg)
{
    return accepted_count >= *(const size_t *)arg;
}

Test(listener, star_is_both_families)
{
    uint16_t port = wire_free_port();
    size_t two = 2;
    int v4, v6;

    cr_assert(open_inet(NULL, port));
    cr_assert_eq(set.count, 2);
    for (size_t i = 0; i < set.count; i++)
        listener_start(set.items[i], loop, on_accept, &set);
    v4 = dial("v4", port);
    v6 = dial("v6", port);
    cr_assert_geq(v4, 0);
    cr_assert_geq(v6, 0);
    cr_expect(wire_until(loop, accepted_all, &two));
    close(v4);
    close(v6);
}

Test(listener, names_and_numbers)
{
    static const struct {
        const char *host;
        const char *text; /* NULL: refused */
    } hosts[] = {
        { "127.0.0.1", "127.0.0.1" },
        { "::1", "[::1]" },
        { "localhost", "127.0.0.1" },
        { "192.0.2.1", NULL },
        { "no-such-name.invalid", NULL },
    };

    for (size_t i = 0; i < COUNT(hosts); i++) {
        uint16_t port = wire_free_port();
        char want[64];

        cr_assert_eq(open_inet(hosts[i].host, port), hosts[i].text != NULL);
        cr_assert_eq(error_any(&error), hosts[i].text == NULL);
        if (hosts[i].text != NULL) {
            snprintf(want, sizeof(want), "%s:%u", hosts[i].text, port);
            cr_expect_str_eq(listener_address(set.items[0]), want);
        } else {
            cr_expect_not_null(strstr(error.messages[0],
                "x.ini:7: [service web] listen: HOST:PORT: "));
        }
        listener_set_free(&set);
        error_clear(&error);
    }
}

Test(listener, says_who_may_have_the_port)
{
    uint16_t port;
    int other = wire_listen(false, 1, &port);

    cr_assert_not(open_inet("127.0.0.1", port));
    cr_assert_eq(error.count, 1);
    cr_expect_not_null(strstr(error.messages[0], "Address already in use"));
    cr_expect_not_null(strstr(error.messages[0], "ss -ltnp"));
    cr_expect_eq(set.count, 0);
    close(other);
}

Test(listener, a_client_that_closed_first_does_not_block_a_restart)
{
    uint16_t port = wire_free_port();
    size_t one = 1;
    int fd;

    cr_assert(open_inet("127.0.0.1", port));
    listener_start(set.items[0], loop, on_accept, &set);
    fd = dial("v4", port);
    cr_assert(wire_until(loop, accepted_all, &one));
    close(accepted[--accepted_count]); /* TIME_WAIT will be on this side */
    close(fd);
    listener_set_free(&set);
    cr_expect(open_inet("127.0.0.1", port));
}

Test(listener, accepted_sockets_inherit_the_options)
{
    uint16_t port = wire_free_port();
    size_t one = 1;
    int fd, value;
    socklen_t length = sizeof(value);

    leg.keepalive = (struct keepalive){
        .on = true, .idle_s = 77, .interval_s = 7, .count = 3 };
    leg.user_timeout_ms = 12345;
    leg.receive_buffer_bytes = 65536;
    cr_assert(open_inet("127.0.0.1", port));
    listener_start(set.items[0], loop, on_accept, &set);
    fd = dial("v4", port);
    cr_assert(wire_until(loop, accepted_all, &one));
#define OPTION(level, name) \
    (getsockopt(accepted[0], level, name, &value, &length), value)
    cr_expect_eq(OPTION(IPPROTO_TCP, TCP_NODELAY), 1);
    cr_expect_eq(OPTION(SOL_SOCKET, SO_KEEPALIVE), 1);
    cr_expect_eq(OPTION(IPPROTO_TCP, TCP_KEEPIDLE), 77);
    cr_expect_eq(OPTION(IPPROTO_TCP, TCP_KEEPINTVL), 7);
    cr_expect_eq(OPTION(IPPROTO_TCP, TCP_KEEPCNT), 3);
    cr_expect_eq(OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT), 12345);
    cr_expect_eq(OPTION(SOL_SOCKET, SO_RCVBUF), 2 * 65536); /* socket(7) */
    close(fd);
}

Test(listener, pauses_and_resumes)
{
    uint16_t port = wire_free_port();
    size_t one = 1, three = 3;
    int fds[3];

    cr_assert(open_inet("127.0.0.1", port));
    listener_start(set.items[0], loop, on_accept, &set);
    pauses = true;
    for (size_t i = 0; i < COUNT(fds); i++)
        fds[i] = dial("v4", port);
    cr_assert(wire_until(loop, accepted_all, &one));
    for (int i = 0; i < 5; i++)
        wire_turn(loop);
    cr_expect_eq(accepted_count, 1, "paused by the first, in one wake-up");
    pauses = false;
    listener_resume(set.items[0]);
    cr_expect(wire_until(loop, accepted_all, &three));
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
}

static size_t
count_lines(const char *text)
{
    char *log = scratch_read(scratch_path("log"));
    size_t count = 0;

    for (const char *at = log; (at = strstr(at, text)) != NULL; at++)
        count++;
    free(log);
    return count;
}

Test(listener, out_of_descriptors_it_pauses_and_recovers)
{
    uint16_t port = wire_free_port();
    size_t all = CLIENTS;
    struct rlimit before;
    int fds[CLIENTS], spare;

    cr_assert(open_inet("127.0.0.1", port));
    listener_start(set.items[0], loop, on_accept, &set);
    for (size_t i = 0; i < all; i++)
        cr_assert_geq(fds[i] = dial("v4", port), 0);
    spare = wire_exhaust(&before);
    wire_turn_for(loop, 350);
    cr_expect_eq(accepted_count, 0);
    close(spare); /* one client comes in within a moment, and no other */
    wire_turn_for(loop, 150);
    cr_expect_eq(accepted_count, 1);
    setrlimit(RLIMIT_NOFILE, &before);
    cr_expect(wire_until(loop, accepted_all, &all), "the others waited");
    cr_expect_eq(count_lines("Too many open files"), 1, "one line a second");
    for (size_t i = 0; i < all; i++)
        close(fds[i]);
}

Test(listener, the_owners_pause_holds_while_descriptors_are_short)
{
    uint16_t port = wire_free_port();
    size_t one = 1;
    struct rlimit before;
    int fd, spare;

    cr_assert(open_inet("127.0.0.1", port));
    listener_start(set.items[0], loop, on_accept, &set);
    cr_assert_geq(fd = dial("v4", port), 0);
    spare = wire_exhaust(&before);
    wire_turn(loop);
    listener_pause(set.items[0]);
    setrlimit(RLIMIT_NOFILE, &before);
    wire_turn_for(loop, 150);
    cr_expect_eq(accepted_count, 0);
    listener_resume(set.items[0]);
    cr_expect(wire_until(loop, accepted_all, &one));
    close(spare);
    close(fd);
}
