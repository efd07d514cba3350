#include "wire.h"

#include <event2/event.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/loop.h"

enum { PATIENCE_MS = 10000 };

const struct wire_kind wire_kinds[WIRE_KINDS] = {
    { wire_unix, false, WIRE_BULK },
    { wire_unix, true, WIRE_BULK },
    { wire_tcp, false, WIRE_BULK },
    { wire_tcp, true, 30000 },
};

#define NEED(condition) need((condition), #condition)

static void
need(bool met, const char *what)
{
    if (met)
        return;
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    abort();
}

void
wire_unix(int fds[2])
{
    NEED(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
             fds) == 0);
}

int
wire_listen(bool v6, int backlog, uint16_t *port)
{
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
        .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    struct sockaddr_in in = { .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr *address =
        v6 ? (struct sockaddr *)&in6 : (struct sockaddr *)&in;
    socklen_t length = v6 ? sizeof(in6) : sizeof(in);
    int fd = socket(
        address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    NEED(fd >= 0 && bind(fd, address, length) == 0);
    NEED(listen(fd, backlog) == 0);
    NEED(getsockname(fd, address, &length) == 0);
    *port = ntohs(v6 ? in6.sin6_port : in.sin_port);
    return fd;
}

uint16_t
wire_free_port(void)
{
    uint16_t port;
    int fd = wire_listen(false, 1, &port);

    close(fd);
    return port;
}

/* Nothing waits to be sent together with more: what was sent is there. */
static void
send_at_once(int fd)
{
    static const int on = 1;

    NEED(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
}

void
wire_tcp(int fds[2])
{
    struct sockaddr_in address = { .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    uint16_t port;
    int listening = wire_listen(false, 1, &port);

    address.sin_port = htons(port);
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    NEED(fds[0] >= 0);
    if (connect(fds[0], (struct sockaddr *)&address, sizeof(address)) < 0)
        NEED(errno == EINPROGRESS);
    wire_await(listening, POLLIN);
    fds[1] = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    NEED(fds[1] >= 0);
    close(listening);
    send_at_once(fds[0]);
    send_at_once(fds[1]);
}

void
wire_shrink(int fd)
{
    static const int least = 16384;

    NEED(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)) == 0);
    NEED(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least)) == 0);
}

void
wire_widen(int fds[2])
{
    static const int room = 16 << 20;

    for (int i = 0; i < 2; i++)
        if (setsockopt(fds[i], SOL_SOCKET, SO_SNDBUFFORCE, &room,
                sizeof(room)) < 0)
            NEED(setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &room,
                     sizeof(room)) == 0);
}

void
wire_send(int fd, const void *data, size_t size)
{
    const uint8_t *next = data;

    while (size > 0) {
        ssize_t n = send(fd, next, size, MSG_NOSIGNAL);

        if (n < 0) {
            NEED(errno == EAGAIN);
            wire_await(fd, POLLOUT);
            continue;
        }
        next += n;
        size -= (size_t)n;
    }
}

size_t
wire_receive(int fd, void *data, size_t size)
{
    size_t got = 0;

    while (got < size) {
        ssize_t n = recv(fd, (uint8_t *)data + got, size - got, 0);

        if (n <= 0)
            break;
        got += (size_t)n;
    }
    return got;
}

enum wire_end
wire_end(int fd)
{
    uint8_t byte;
    ssize_t n = recv(fd, &byte, 1, MSG_PEEK);

    if (n > 0)
        return WIRE_DATA;
    if (n == 0)
        return WIRE_FIN;
    if (errno == EAGAIN)
        return WIRE_OPEN;
    NEED(errno == ECONNRESET || errno == EPIPE);
    return WIRE_RESET;
}

size_t
wire_unsent(int fd)
{
    int count;

    NEED(ioctl(fd, SIOCOUTQ, &count) == 0);
    return (size_t)count;
}

void
wire_reset(int fd)
{
    static const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

    NEED(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0);
    close(fd);
}

uint8_t
wire_byte(uint64_t n)
{
    /* A period that is no multiple of any buffer's size. */
    return (uint8_t)((n % 65521) * 31 >> 3);
}

void
wire_fill(uint8_t *data, uint64_t from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        data[i] = wire_byte(from + i);
}

bool
wire_matches(const uint8_t *data, uint64_t from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (data[i] != wire_byte(from + i))
            return false;
    return true;
}

static void
stop(void *arg)
{
    loop_stop(arg);
}

void
wire_turn(struct loop *loop)
{
    struct loop_task last = { .run = stop, .arg = loop };

    loop_defer(loop, &last);
    loop_run(loop);
}

bool
wire_until(struct loop *loop, bool (*met)(void *arg), void *arg)
{
    uint64_t deadline_ms = clock_now_ms() + PATIENCE_MS;

    while (!met(arg)) {
        if (clock_now_ms() > deadline_ms)
            return false;
        wire_turn(loop);
    }
    return true;
}

void
wire_turn_for(struct loop *loop, int ms)
{
    uint64_t end_ms = clock_now_ms() + (uint64_t)ms;

    while (clock_now_ms() < end_ms)
        wire_turn(loop);
}

int
wire_exhaust(struct rlimit *before)
{
    struct rlimit few;
    int last = dup(0);

    NEED(last >= 0 && getrlimit(RLIMIT_NOFILE, before) == 0);
    few = *before;
    few.rlim_cur = (rlim_t)last + 1;
    NEED(setrlimit(RLIMIT_NOFILE, &few) == 0);
    NEED(dup(0) < 0 && errno == EMFILE);
    return last;
}

void
wire_await(int fd, short what)
{
    struct pollfd poll_fd = { .fd = fd, .events = what };

    NEED(poll(&poll_fd, 1, PATIENCE_MS) == 1);
}

void
wire_sleep_ms(int ms)
{
    struct timespec pause = { .tv_sec = ms / 1000,
        .tv_nsec = (long)(ms % 1000) * 1000000 };

    nanosleep(&pause, NULL);
}
