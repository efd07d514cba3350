#include "net/stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "net/loop.h"
#include "wire.h"

enum { BULK = WIRE_BULK };

static struct loop *loop;
static struct stream stream;
static int far;
static short seen; /* what `ready` was called with, all of it */
static int calls;
static uint8_t bytes[BULK], got_bytes[BULK];

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
    cr_expect_eq(fd, stream.fd);
    cr_expect_eq(arg, &calls);
    seen |= what;
    calls++;
}

static void
open_on(void (*make)(int fds[2]), bool small)
{
    int fds[2];

    make(fds);
    if (small) {
        wire_shrink(fds[0]);
        wire_shrink(fds[1]);
    }
    far = fds[1];
    stream_open(&stream, loop, fds[0], on_ready, &calls);
    wire_fill(bytes, 0, sizeof(bytes));
}

static void
set_up(void)
{
    loop = loop_new();
    cr_assert_not_null(loop);
    stream = (struct stream)STREAM_NONE;
    far = -1;
}

static void
tear_down(void)
{
    stream_free(&stream);
    if (far >= 0)
        close(far);
    loop_free(loop);
}

TestSuite(stream, .init = set_up, .fini = tear_down, .timeout = 30);

/* What the kernel does not take waits, and goes out behind what is read. */
static void
write_against(size_t total, size_t step)
{
    size_t written = 0, received = 0;
    enum stream_status status = STREAM_OK;

    while (received < total) {
        if (status == STREAM_OK && written < total) {
            size_t size = total - written < step ? total - written : step;

            status = stream_write(&stream, bytes + written, size);
            written += size;
        }
        cr_assert(status == STREAM_OK || status == STREAM_AGAIN);
        cr_assert_eq(status == STREAM_AGAIN,
            buffer_length(&stream.pending) > 0);
        cr_assert_leq(buffer_length(&stream.pending), step);
        received += wire_receive(far, got_bytes + received, 50021);
        status = stream_flush(&stream);
    }
    cr_expect_eq(written, total);
    cr_expect_arr_eq(got_bytes, bytes, total);
    cr_expect_null(stream.pending.data, "an idle stream owns no memory");
}

/* Promise 1 */
Test(stream, writes_all_in_order_whatever_the_kernel_takes)
{
    static const size_t steps[] = { 977, 16384, 262144 };

    for (size_t i = 0; i < WIRE_KINDS; i++)
        for (size_t j = 0; j < COUNT(steps); j++) {
            open_on(wire_kinds[i].make, wire_kinds[i].narrow);
            write_against(wire_kinds[i].total, steps[j]);
            stream_close(&stream);
            close(far);
        }
    far = -1;
}

/* Also when the kernel has room again meanwhile: what waits goes first.
 * Promise 1. */
Test(stream, more_may_be_written_while_some_waits)
{
    size_t written = 0, received = 0;

    open_on(wire_unix, true);
    for (; written < BULK; written += 4096) {
        cr_assert(stream_write(&stream, bytes + written, 4096) != STREAM_RESET);
        if (written % 20480 == 0)
            received += wire_receive(far, got_bytes + received, 6000);
    }
    while (received < BULK) {
        received += wire_receive(far, got_bytes + received, BULK);
        cr_assert(stream_flush(&stream) != STREAM_RESET);
    }
    cr_expect_arr_eq(got_bytes, bytes, BULK);
}

Test(stream, reads_what_is_there)
{
    for (size_t i = 0; i < WIRE_KINDS; i++) {
        size_t got = 1;

        open_on(wire_kinds[i].make, wire_kinds[i].narrow);
        cr_expect_eq(stream_read(&stream, got_bytes, 100, &got), STREAM_AGAIN);
        cr_expect_eq(got, 0);
        wire_send(far, bytes, 150);
        wire_await(stream.fd, POLLIN);
        cr_expect_eq(stream_read(&stream, got_bytes, 100, &got), STREAM_OK);
        cr_expect_eq(got, 100);
        cr_expect_eq(
            stream_read(&stream, got_bytes + 100, 100, &got), STREAM_OK);
        cr_expect_eq(got, 50);
        cr_expect_arr_eq(got_bytes, bytes, 150);
        cr_expect_eq(stream_read(&stream, got_bytes, 1, &got), STREAM_AGAIN);
        cr_expect_not(stream_has_input(&stream));
        stream_close(&stream);
        close(far);
    }
    far = -1;
}

/* Each row: what is watched, what is possible, what must be told. */
static const struct {
    short watched;
    bool input, room;
    short want;
} watches[] = {
    { 0, true, true, 0 },
    { EV_READ, false, true, 0 },
    { EV_READ, true, true, EV_READ },
    { EV_WRITE, true, true, EV_WRITE },
    { EV_WRITE, true, false, 0 },
    { EV_READ | EV_WRITE, true, true, EV_READ | EV_WRITE },
    { EV_READ | EV_WRITE, true, false, EV_READ },
    { EV_READ | EV_WRITE, false, false, 0 },
};

Test(stream, tells_what_is_watched_and_again_until_told_otherwise)
{
    for (size_t i = 0; i < COUNT(watches); i++) {
        open_on(wire_unix, true);
        if (watches[i].input)
            wire_send(far, "x", 1);
        while (!watches[i].room && buffer_length(&stream.pending) == 0)
            cr_assert(stream_write(&stream, bytes, 4096) != STREAM_RESET);
        for (int turn = 0; turn < 2; turn++) {
            stream_watch(&stream, watches[i].watched);
            seen = 0;
            wire_turn(loop);
            cr_expect_eq(seen, watches[i].want, "row %zu: %d", i, seen);
        }
        stream_watch(&stream, 0);
        seen = 0;
        wire_turn(loop);
        cr_expect_eq(seen, 0);
        stream_close(&stream);
        close(far);
    }
    far = -1;
}

/* The kernel gives a closed descriptor's number to the next one. */
Test(stream, watches_a_new_socket_under_an_old_number)
{
    int fd;

    for (int i = 0; i < 5; i++) {
        open_on(wire_unix, false);
        fd = stream.fd;
        stream_watch(&stream, EV_READ);
        if (i > 0)
            wire_turn(loop);
        stream_close(&stream);
        close(far);
        open_on(wire_unix, false);
        cr_assert_eq(stream.fd, fd);
        stream_watch(&stream, EV_READ);
        calls = 0;
        wire_turn(loop);
        cr_expect_eq(calls, 0);
        wire_send(far, "x", 1);
        wire_turn(loop);
        cr_expect_eq(calls, 1);
        stream_close(&stream);
        close(far);
    }
    far = -1;
}

static void
on_ready_close(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    calls++;
    stream_free(&stream);
}

Test(stream, may_be_freed_by_its_own_callback)
{
    int fds[2];

    wire_unix(fds);
    stream_open(&stream, loop, fds[0], on_ready_close, NULL);
    wire_send(fds[1], "x", 1);
    stream_watch(&stream, EV_READ | EV_WRITE);
    wire_turn(loop);
    wire_turn(loop);
    cr_expect_eq(calls, 1);
    cr_expect_not(stream_is_open(&stream));
    close(fds[1]);
}

Test(stream, without_a_socket_may_be_closed_and_freed)
{
    struct stream none = STREAM_NONE;

    stream_close(&none);
    stream_abort(&none);
    cr_expect_eq(stream_unsent(&none), 0);
    stream_free(&none);
    stream_free(&none);
    cr_expect_not(stream_is_open(&none));
}

static int
has_nodelay(void)
{
    int on = -1;
    socklen_t length = sizeof(on);

    getsockopt(stream.fd, IPPROTO_TCP, TCP_NODELAY, &on, &length);
    return on;
}

Test(stream, waits_for_nothing_from_its_second_write_on)
{
    static const int off = 0;

    open_on(wire_tcp, false);
    setsockopt(stream.fd, IPPROTO_TCP, TCP_NODELAY, &off, sizeof(off));
    stream_set_connected(&stream);
    cr_expect_eq(stream_write(&stream, bytes, 1), STREAM_OK);
    cr_expect_eq(has_nodelay(), 0, "the first is sent at once anyway");
    cr_expect_eq(stream_write(&stream, bytes, 1), STREAM_OK);
    cr_expect_eq(has_nodelay(), 1);
}

/* What was read to be looked at is read again, once, and before what the socket has
 * by now. */
Test(stream, reads_first_what_was_put_back)
{
    struct buffer looked_at = { 0 };
    char data[16];
    size_t got;

    open_on(wire_tcp, false);
    cr_assert(buffer_append(&looked_at, "first", 5));
    cr_assert(stream_put_back(&stream, &looked_at));
    cr_expect_eq(buffer_length(&looked_at), 0);
    cr_expect(stream_has_input(&stream));
    cr_expect_neq(stream.ops, &stream_plain_ops, "it cannot be spliced yet");
    wire_send(far, "second", 6);
    cr_assert_eq(stream_read(&stream, data, 3, &got), STREAM_OK);
    cr_expect_eq(got, 3);
    cr_expect(stream_has_input(&stream));
    cr_assert_eq(stream_read(&stream, data + 3, 13, &got), STREAM_OK);
    cr_expect_eq(got, 2);
    cr_expect_eq(memcmp(data, "first", 5), 0);
    cr_expect_not(stream_has_input(&stream));
    cr_expect_eq(stream.ops, &stream_plain_ops);
    cr_assert_eq(stream_read(&stream, data, sizeof(data), &got), STREAM_OK);
    cr_expect_eq(memcmp(data, "second", got), 0);
    cr_expect_eq(got, 6);
}

Test(stream, writes_as_ever_with_bytes_put_back)
{
    struct buffer looked_at = { 0 };
    char data[16];

    open_on(wire_tcp, false);
    cr_assert(buffer_append(&looked_at, "first", 5));
    cr_assert(stream_put_back(&stream, &looked_at));
    cr_expect_eq(stream_write(&stream, "answer", 6), STREAM_OK);
    cr_expect_eq(recv(far, data, sizeof(data), 0), 6);
}

/* And nothing is left of it where it is closed before they are read. */
Test(stream, gives_back_what_was_put_back)
{
    struct buffer taken = { 0 };

    open_on(wire_tcp, false);
    cr_expect(stream_put_back(&stream, &taken), "there is nothing");
    cr_expect_eq(stream.ops, &stream_plain_ops);
    cr_assert(buffer_append(&taken, "first", 5));
    cr_assert(stream_put_back(&stream, &taken));
    stream_take_back(&stream, &taken);
    cr_expect_eq(buffer_length(&taken), 5);
    cr_expect_eq(stream.ops, &stream_plain_ops);
    cr_assert(stream_put_back(&stream, &taken));
    stream_free(&stream);
}
