/*
 * How many system calls a plain connection takes from the moment that it was
 * accepted to its end, all but the waits: each costs as much as carrying
 * kilobytes does.
 */
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <stdint.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/base.h"
#include "net/wraps.h"
#include "relay/conn.h"
#include "stage.h"

enum call { CLOSE, CONNECT, EPOLL_CTL, GETSOCKNAME, GETSOCKOPT, RECV, SEND,
    SETSOCKOPT, SHUTDOWN, SOCKET, CALLS };

static struct stage stage;
static bool relay_runs; /* rather than its peers, which are in this process */
static unsigned made[CALLS];

static void
count(enum call call)
{
    made[call] += relay_runs && !LIST_EMPTY(&stage.relay.conns);
}

int
__wrap_close(int fd)
{
    count(CLOSE);
    return __real_close(fd);
}

int
__wrap_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    count(CONNECT);
    return __real_connect(fd, address, length);
}

/* Libevent's, too: it is in a shared library. */
int
epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    count(EPOLL_CTL);
    return (int)syscall(SYS_epoll_ctl, epoll, operation, fd, event);
}

int
__wrap_getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
    count(GETSOCKNAME);
    return __real_getsockname(fd, address, length);
}

int
__wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *length)
{
    count(GETSOCKOPT);
    return __real_getsockopt(fd, level, name, value, length);
}

ssize_t
__wrap_recv(int fd, void *data, size_t size, int flags)
{
    count(RECV);
    return __real_recv(fd, data, size, flags);
}

ssize_t
__wrap_send(int fd, const void *data, size_t size, int flags)
{
    count(SEND);
    return __real_send(fd, data, size, flags);
}

int
__wrap_setsockopt(
    int fd, int level, int name, const void *value, socklen_t length)
{
    count(SETSOCKOPT);
    return __real_setsockopt(fd, level, name, value, length);
}

int
__wrap_shutdown(int fd, int how)
{
    count(SHUTDOWN);
    return __real_shutdown(fd, how);
}

int
__wrap_socket(int domain, int type, int protocol)
{
    count(SOCKET);
    return __real_socket(domain, type, protocol);
}

static void
on_began(void *arg)
{
    (void)arg;
    relay_runs = true;
}

/* The server ends at once, and the client when it has heard of it. */
static void
close_server_first(struct stage *peers)
{
    relay_runs = false;
    talker_work(&peers->server);
    talker_hear(&peers->client, SIZE_MAX);
    if (peers->client.ended)
        talker_work(&peers->client);
    relay_runs = true;
}

/* The client speaks and ends, the server answers and ends. */
static void
answer_client(struct stage *peers)
{
    relay_runs = false;
    talker_work(&peers->client);
    talker_hear(&peers->server, SIZE_MAX);
    if (peers->server.ended)
        talker_work(&peers->server);
    relay_runs = true;
}

static void
run_one(uint64_t bytes, void (*act)(struct stage *))
{
    for (size_t i = 0; i < CALLS; i++)
        made[i] = 0;
    stage_begin(&stage, bytes, bytes, false);
    stage_run(&stage, act);
    relay_runs = false;
    stage_end(&stage);
}

static void
expect(const unsigned most[static CALLS])
{
    static const char *const names[] = { "close", "connect", "epoll_ctl",
        "getsockname", "getsockopt", "recv", "send", "setsockopt", "shutdown",
        "socket" };

    for (size_t i = 0; i < CALLS; i++)
        cr_expect_leq(made[i], most[i], "%s: %u", names[i], made[i]);
}

static void
set_up(void)
{
    stage_open(&stage, &(struct stage_spec){ .client = 0 });
    stage.relay.began = on_began;
}

static void
tear_down(void)
{
    stage_close(&stage);
}

TestSuite(conn_calls, .init = set_up, .fini = tear_down, .timeout = 60);

/* Libevent drops each leg once, and a socket that is closed by then costs a call
 * all the same.  The options: two of the new socket, and on each leg the reset
 * taken back that a worker's death would be. */
Test(conn_calls, are_few_where_the_server_closes_at_once)
{
    static const unsigned most[] = { [CLOSE] = 2, [CONNECT] = 1,
        [EPOLL_CTL] = 4, [GETSOCKOPT] = 1, [RECV] = 2, [SETSOCKOPT] = 4,
        [SHUTDOWN] = 1, [SOCKET] = 1 };

    run_one(0, close_server_first); /* shows that clients wait here */
    run_one(0, close_server_first);
    cr_expect_str_eq(stage_reason(&stage), "server-closed");
    expect(most);
}

/* A client of these tests speaks only after the first look for its bytes. */
Test(conn_calls, are_few_where_a_client_is_answered)
{
    static const unsigned most[] = { [CLOSE] = 2, [CONNECT] = 1,
        [EPOLL_CTL] = 4, [GETSOCKOPT] = 1, [RECV] = 5, [SEND] = 2,
        [SETSOCKOPT] = 4, [SHUTDOWN] = 1, [SOCKET] = 1 };

    run_one(1, answer_client);
    run_one(1, answer_client);
    cr_expect_str_eq(stage_reason(&stage), "client-closed");
    expect(most);
}
