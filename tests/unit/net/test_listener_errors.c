/* What accept4(2) may say that no test can bring about: the kernel's own tables
 * are full, or a client has gone before it came. */
#include "net/listener.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "net/loop.h"
#include "wire.h"

enum {
    CLIENTS = 5,
    SHORTAGE_MS = 350,
    TRIES_MOST = 10, /* it pauses for 100 ms; what spins tries thousands */
    ACCEPTS_PER_WAKE = 64,
};

static struct loop *loop;
static struct listener *listener;
static uint16_t port;
static int clients[CLIENTS], accepted[CLIENTS];
static size_t accepted_count, admitted, exhausted, deaths;
static int last_error; /* that the owner was told */

/* What the next calls of accept4(2) say, and how many there were. */
static int played_error;
static size_t played, calls_made;

int __real_accept4(
    int fd, struct sockaddr *peer, socklen_t *length, int flags);
int __wrap_accept4(
    int fd, struct sockaddr *peer, socklen_t *length, int flags);

int
__wrap_accept4(int fd, struct sockaddr *peer, socklen_t *length, int flags)
{
    calls_made++;
    if (played == 0)
        return __real_accept4(fd, peer, length, flags);
    played--;
    errno = played_error;
    return -1;
}

static bool
may_accept(void *arg)
{
    (void)arg;
    cr_expect_eq(admitted, 0, "one at a time");
    admitted++;
    return true;
}

static void
on_accept(void *arg, int fd, const struct sockaddr *peer, socklen_t length)
{
    (void)arg, (void)peer, (void)length;
    admitted--;
    cr_assert_lt(accepted_count, CLIENTS);
    accepted[accepted_count++] = fd;
}

static void
on_nothing(void *arg)
{
    (void)arg;
    admitted--;
}

static void
on_exhausted(void *arg, int error)
{
    (void)arg;
    exhausted++;
    last_error = error;
}

static void
on_dead(void *arg, int error)
{
    (void)arg;
    deaths++;
    last_error = error;
}

static const struct listener_calls calls = {
    may_accept, on_accept, on_nothing, on_exhausted, on_dead
};

static void
play(int error, size_t times)
{
    played_error = error;
    played = times;
    calls_made = 0;
}

/* With clients in the queue already. */
static void
open_all(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = wire_listen(false, CLIENTS, &port);

    loop = loop_new();
    listener = listener_adopt(loop, fd, &calls, NULL);
    cr_assert_not_null(listener);
    to.sin_port = htons(port);
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        cr_assert_eq(
            connect(clients[i], (struct sockaddr *)&to, sizeof(to)), 0);
    }
    accepted_count = exhausted = deaths = 0;
    last_error = 0;
}

static void
close_all(void)
{
    play(0, 0);
    for (size_t i = 0; i < CLIENTS; i++)
        close(clients[i]);
    for (size_t i = 0; i < accepted_count; i++)
        close(accepted[i]);
    listener_free(listener);
    loop_free(loop);
}

static bool
accepted_all(void *arg)
{
    (void)arg;
    return accepted_count == CLIENTS;
}

TestSuite(listener_errors, .timeout = 60);

static bool
tried_again(void *arg)
{
    (void)arg;
    return calls_made >= 2;
}

static const int shortages[] = { EMFILE, ENFILE, ENOMEM, ENOBUFS };

/* Promise 16 */
Test(listener_errors, a_shortage_has_it_pause_and_recover)
{
    for (size_t i = 0; i < COUNT(shortages); i++) {
        const char *name = strerror(shortages[i]);

        open_all();
        play(shortages[i], SIZE_MAX);
        wire_turn_for(loop, SHORTAGE_MS);
        cr_expect_eq(accepted_count, 0, "%s", name);
        cr_expect(wire_until(loop, tried_again, NULL), "%s", name);
        cr_expect_leq(calls_made, TRIES_MOST, "%s: %zu calls: it spins", name,
            calls_made);
        cr_expect_eq(exhausted, 1, "%s: it is told once a second", name);
        cr_expect_eq(last_error, shortages[i], "%s", name);
        play(0, 0);
        cr_expect(wire_until(loop, accepted_all, NULL), "%s", name);
        cr_expect_eq(exhausted, 1, "%s", name);
        cr_expect_eq(admitted, 0, "%s: all are counted out again", name);
        close_all();
    }
}

/* One that is over by the next try: others had to wait for a moment only. */
Test(listener_errors, a_short_shortage_costs_a_pause)
{
    open_all();
    play(ENFILE, 1);
    wire_turn(loop);
    cr_expect_eq(calls_made, 1);
    cr_expect_eq(accepted_count, 0);
    cr_expect(wire_until(loop, accepted_all, NULL));
    close_all();
}

/* Errors of the one connection that is gone: accept(2) has the list. */
static const int losses[] = { ECONNABORTED, EPROTO, ENETDOWN, EHOSTUNREACH,
    ENETUNREACH, ENOPROTOOPT, EOPNOTSUPP, EPERM, EINTR };

Test(listener_errors, a_client_that_has_gone_delays_no_other)
{
    for (size_t i = 0; i < COUNT(losses); i++) {
        open_all();
        play(losses[i], 3);
        wire_turn(loop);
        cr_expect_eq(accepted_count, CLIENTS, "%s: in the same turn",
            strerror(losses[i]));
        cr_expect_eq(exhausted, 0);
        cr_expect_eq(admitted, 0);
        close_all();
    }
}

Test(listener_errors, losses_without_end_leave_others_their_turn)
{
    open_all();
    for (int turn = 0; turn < 3; turn++) {
        play(ECONNABORTED, SIZE_MAX);
        wire_turn(loop);
        cr_expect_eq(calls_made, ACCEPTS_PER_WAKE);
    }
    cr_expect_eq(exhausted, 0);
    play(0, 0);
    cr_expect(wire_until(loop, accepted_all, NULL));
    close_all();
}

/* A last look into the queue ends, whatever it meets. */
Test(listener_errors, draining_stops_at_a_shortage)
{
    for (size_t i = 0; i < COUNT(shortages); i++) {
        open_all();
        play(shortages[i], SIZE_MAX);
        listener_drain(listener);
        cr_expect_eq(calls_made, 1, "%s", strerror(shortages[i]));
        cr_expect_eq(admitted, 0);
        close_all();
    }
}

static bool
died(void *arg)
{
    (void)arg;
    return deaths > 0;
}

/* Another process that has the socket may do so at any time; it is readable
 * from then on. */
Test(listener_errors, does_not_look_again_at_a_socket_that_was_shut_down)
{
    int other = wire_listen(false, CLIENTS, &port);
    int fd = fcntl(other, F_DUPFD_CLOEXEC, 0);

    loop = loop_new();
    listener = listener_adopt(loop, fd, &calls, NULL);
    cr_assert_not_null(listener);
    cr_assert_eq(shutdown(other, SHUT_RD), 0);
    play(0, 0);
    cr_assert(wire_until(loop, died, NULL));
    cr_expect_eq(last_error, EINVAL);
    cr_expect(listener_is_dead(listener));
    wire_turn_for(loop, SHORTAGE_MS);
    cr_expect_eq(deaths, 1);
    cr_expect_eq(calls_made, 1);
    listener_pause(listener);
    listener_resume(listener);
    listener_drain(listener);
    wire_turn(loop);
    cr_expect_eq(calls_made, 1);
    cr_expect_eq(admitted, 0);
    cr_expect_eq(fcntl(fd, F_GETFD), -1, "an abstract name would stay taken");
    close(other);
    listener_free(listener);
    loop_free(loop);
}

/* accept4(2) says EAGAIN there, again and again. */
Test(listener_errors, finds_out_that_a_unix_socket_was_shut_down)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int other = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    /* An abstract name, which the kernel chooses. */
    cr_assert_eq(bind(other, (struct sockaddr *)&name, sizeof(sa_family_t)), 0);
    cr_assert_eq(listen(other, CLIENTS), 0);
    deaths = 0;
    loop = loop_new();
    listener = listener_adopt(
        loop, fcntl(other, F_DUPFD_CLOEXEC, 0), &calls, NULL);
    cr_assert_not_null(listener);
    play(0, 0);
    cr_assert_eq(shutdown(other, SHUT_RD), 0);
    cr_assert(wire_until(loop, died, NULL));
    cr_expect_lt(calls_made, 100);
    close(other);
    listener_free(listener);
    loop_free(loop);
}
