#include "net/listener.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "bound.h"
#include "config/config.h"
#include "net/loop.h"
#include "net/socket_options.h"
#include "wire.h"

enum { CLIENTS = 5 };

static struct loop *loop;
static struct bound set;
static struct error error;
static struct leg_config leg = { .backlog = 16 };
static struct listener *listeners[BOUND_MOST];
static int accepted[16];
static size_t accepted_count;
static size_t allowed;   /* how many may still be accepted */
static size_t admitted;  /* agreed to, and neither come nor taken back */
static size_t refused, exhausted;
static bool pauses; /* after each connection */

static bool
may_accept(void *arg)
{
    cr_expect_eq(arg, &set);
    cr_expect_eq(admitted, 0, "one at a time");
    if (allowed == 0) {
        refused++;
        listener_pause(listeners[0]);
        return false;
    }
    allowed--;
    admitted++;
    return true;
}

static void
on_nothing(void *arg)
{
    cr_expect_eq(arg, &set);
    cr_expect_eq(admitted, 1);
    admitted--;
    allowed++;
}

static void
on_accept(void *arg, int fd, const struct sockaddr *peer, socklen_t length)
{
    cr_expect_eq(arg, &set);
    cr_expect_eq(admitted, 1);
    admitted--;
    cr_expect(peer->sa_family == AF_INET || peer->sa_family == AF_INET6);
    cr_expect_geq(length, sizeof(struct sockaddr_in));
    cr_expect(fcntl(fd, F_GETFL) & O_NONBLOCK);
    cr_expect(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    cr_assert_lt(accepted_count, COUNT(accepted));
    accepted[accepted_count++] = fd;
    if (pauses)
        listener_pause(listeners[0]);
}

static void
on_exhausted(void *arg, int what)
{
    cr_expect_eq(arg, &set);
    cr_expect_eq(what, EMFILE);
    exhausted++;
}

static void
on_dead(void *arg, int what)
{
    (void)arg;
    cr_assert_fail("%s", strerror(what));
}

static const struct listener_calls calls = {
    may_accept, on_accept, on_nothing, on_exhausted, on_dead
};

static void
open_inet(const char *host, uint16_t port)
{
    cr_assert(bound_inet(&set, host, port, &leg, &error));
    for (size_t i = 0; i < set.count; i++) {
        listeners[i] =
            listener_adopt(loop, bound_release(&set, i), &calls, &set);
        cr_assert_not_null(listeners[i]);
    }
}

static void
close_all(void)
{
    for (size_t i = 0; i < COUNT(listeners); i++) {
        listener_free(listeners[i]);
        listeners[i] = NULL;
    }
    bound_close(&set);
    wire_turn(loop);
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
    allowed = COUNT(accepted);
}

static void
tear_down(void)
{
    for (size_t i = 0; i < accepted_count; i++)
        close(accepted[i]);
    close_all();
    error_clear(&error);
    loop_free(loop);
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

    open_inet(NULL, port);
    cr_assert_eq(set.count, 2);
    v4 = dial("v4", port);
    v6 = dial("v6", port);
    cr_assert_geq(v4, 0);
    cr_assert_geq(v6, 0);
    cr_expect(wire_until(loop, accepted_all, &two));
    close(v4);
    close(v6);
}

Test(listener, a_client_that_closed_first_does_not_block_a_restart)
{
    uint16_t port = wire_free_port();
    size_t one = 1;
    int fd;

    open_inet("127.0.0.1", port);
    fd = dial("v4", port);
    cr_assert(wire_until(loop, accepted_all, &one));
    cr_assert(socket_close_resets(accepted[accepted_count - 1], false));
    close(accepted[--accepted_count]); /* TIME_WAIT will be on this side */
    close(fd);
    close_all();
    open_inet("127.0.0.1", port);
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
    open_inet("127.0.0.1", port);
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
    cr_expect_eq(OPTION(SOL_SOCKET, SO_OOBINLINE), 1);
    close(fd);
}

/* That is how the kernel closes the sockets of a worker that was killed.
 * Promise 45. */
Test(listener, what_only_closes_an_accepted_socket_resets_it)
{
    uint16_t port = wire_free_port();
    size_t one = 1;
    int fd;

    open_inet("127.0.0.1", port);
    fd = dial("v4", port);
    cr_assert(wire_until(loop, accepted_all, &one));
    close(accepted[--accepted_count]);
    wire_await(fd, POLLHUP);
    cr_expect_eq(wire_end(fd), WIRE_RESET);
    close(fd);
}

Test(listener, pauses_and_resumes)
{
    uint16_t port = wire_free_port();
    size_t one = 1, three = 3;
    int fds[3];

    open_inet("127.0.0.1", port);
    pauses = true;
    for (size_t i = 0; i < COUNT(fds); i++)
        fds[i] = dial("v4", port);
    cr_assert(wire_until(loop, accepted_all, &one));
    for (int i = 0; i < 5; i++)
        wire_turn(loop);
    cr_expect_eq(accepted_count, 1, "paused by the first, in one wake-up");
    pauses = false;
    listener_resume(listeners[0]);
    cr_expect(wire_until(loop, accepted_all, &three));
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
}

/* Promise 16 */
Test(listener, out_of_descriptors_it_pauses_and_recovers)
{
    uint16_t port = wire_free_port();
    size_t all = CLIENTS;
    struct rlimit before;
    int fds[CLIENTS], spare;

    open_inet("127.0.0.1", port);
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
    cr_expect_eq(exhausted, 1, "it is told once a second");
    for (size_t i = 0; i < all; i++)
        close(fds[i]);
}

Test(listener, the_owners_pause_holds_while_descriptors_are_short)
{
    uint16_t port = wire_free_port();
    size_t one = 1;
    struct rlimit before;
    int fd, spare;

    open_inet("127.0.0.1", port);
    cr_assert_geq(fd = dial("v4", port), 0);
    spare = wire_exhaust(&before);
    wire_turn(loop);
    listener_pause(listeners[0]);
    setrlimit(RLIMIT_NOFILE, &before);
    wire_turn_for(loop, 150);
    cr_expect_eq(accepted_count, 0);
    listener_resume(listeners[0]);
    cr_expect(wire_until(loop, accepted_all, &one));
    close(spare);
    close(fd);
}

Test(listener, accepts_no_more_than_it_may)
{
    uint16_t port = wire_free_port();
    size_t two = 2, three = 3;
    int fds[3];

    allowed = 2;
    open_inet("127.0.0.1", port);
    for (size_t i = 0; i < COUNT(fds); i++)
        fds[i] = dial("v4", port);
    cr_assert(wire_until(loop, accepted_all, &two));
    for (int i = 0; i < 5; i++)
        wire_turn(loop);
    cr_expect_eq(accepted_count, 2);
    cr_expect_eq(refused, 1, "and it does not spin");
    allowed = 2;
    listener_resume(listeners[0]);
    cr_expect(wire_until(loop, accepted_all, &three));
    wire_turn(loop);
    cr_expect_eq(allowed, 1, "what did not come is given back");
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
}

Test(listener, empties_its_queue)
{
    uint16_t port = wire_free_port();
    int fds[CLIENTS];

    open_inet("127.0.0.1", port);
    listener_pause(listeners[0]);
    for (size_t i = 0; i < CLIENTS; i++)
        cr_assert_geq(fds[i] = dial("v4", port), 0);
    listener_drain(listeners[0]);
    cr_expect_eq(accepted_count, CLIENTS);
    for (size_t i = 0; i < CLIENTS; i++)
        close(fds[i]);
}

static uint64_t
cpu_ms(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

static void
on_time(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    loop_stop(arg);
}

/* epoll(7): an interest lives as long as any copy of the socket does. */
Test(listener, leaves_no_interest_in_what_others_still_have)
{
    static const struct timeval wait = { .tv_usec = 500000 };
    uint16_t port = wire_free_port();
    struct event *timer = evtimer_new(loop->base, on_time, loop);
    uint64_t before;
    int other, fd;

    cr_assert(bound_inet(&set, "127.0.0.1", port, &leg, &error));
    other = dup(set.sockets[0].fd);
    listeners[0] = listener_adopt(loop, bound_release(&set, 0), &calls, &set);
    cr_assert_not_null(listeners[0]);
    event_add(timer, &wait); /* libevent does nothing when it has no event */
    wire_turn(loop);
    close_all();
    cr_assert_geq(fd = dial("v4", port), 0, "a socket still listens");
    before = cpu_ms();
    loop_run(loop);
    cr_expect_lt(cpu_ms() - before, 25, "it spins");
    event_free(timer);
    close(fd);
    close(other);
}
