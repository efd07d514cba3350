/* A stream for whose events libevent has no memory. */
#include "net/stream.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "net/loop.h"
#include "wire.h"

/* libevent has an array that is as long as descriptors are high. */
enum { HIGH_FD = 700 };

static bool starved;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *
__wrap_malloc(size_t size)
{
    return starved ? NULL : __real_malloc(size);
}

static unsigned calls;

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    calls++;
}

Test(stream_short, says_that_it_is_not_watched, .timeout = 60)
{
    struct loop *loop = loop_new();
    struct stream stream;
    int fds[2], high;

    cr_assert_not_null(loop);
    wire_unix(fds);
    high = fcntl(fds[0], F_DUPFD_CLOEXEC, HIGH_FD);
    cr_assert_geq(high, HIGH_FD);
    close(fds[0]);
    stream_open(&stream, loop, high, on_ready, NULL);
    wire_send(fds[1], "x", 1);
    starved = true;
    cr_expect_not(stream_try_watch(&stream, EV_READ));
    stream_watch(&stream, EV_READ);
    wire_turn(loop);
    cr_expect_eq(calls, 0);
    starved = false;
    cr_expect(stream_try_watch(&stream, EV_READ), "it is tried anew");
    wire_turn(loop);
    cr_expect_eq(calls, 1);
    stream_free(&stream);
    loop_free(loop);
    close(fds[1]);
}
