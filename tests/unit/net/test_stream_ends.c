#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "net/loop.h"
#include "net/socket_options.h"
#include "net/stream.h"
#include "wire.h"

enum { BULK = 8 << 20 };

static struct loop *loop;
static struct stream stream;
static int far;
static uint8_t bytes[BULK], got_bytes[BULK];
static size_t got;

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
}

static void
open_on(void (*make)(int fds[2]))
{
    int fds[2];

    make(fds);
    far = fds[1];
    stream_open(&stream, loop, fds[0], on_ready, NULL);
}

static void
set_up(void)
{
    loop = loop_new();
    cr_assert_not_null(loop);
    stream = (struct stream)STREAM_NONE;
    far = -1;
    wire_fill(bytes, 0, sizeof(bytes));
}

static void
tear_down(void)
{
    stream_free(&stream);
    if (far >= 0)
        close(far);
    loop_free(loop);
}

TestSuite(stream_ends, .init = set_up, .fini = tear_down, .timeout = 30);

/* Fills the kernel's buffers until something stays pending. */
static size_t
block(void)
{
    size_t written = 0;

    do {
        cr_assert_neq(
            stream_write(&stream, bytes + written, 65536), STREAM_RESET);
        written += 65536;
        wire_sleep_ms(2);
    } while (stream_flush(&stream) == STREAM_OK);
    return written;
}

/* Promise 3 */
Test(stream_ends, reads_the_rest_and_then_the_fin)
{
    open_on(wire_tcp);
    wire_send(far, bytes, 10);
    shutdown(far, SHUT_WR);
    wire_await(stream.fd, POLLRDHUP);
    cr_expect_eq(stream_read(&stream, got_bytes, 100, &got), STREAM_OK);
    cr_expect_eq(got, 10);
    cr_expect_eq(stream_read(&stream, got_bytes, 100, &got), STREAM_END);
    cr_expect_eq(stream_read(&stream, got_bytes, 100, &got), STREAM_END);
    /* ... while the other direction is well. */
    cr_expect_eq(stream_write(&stream, bytes, 20), STREAM_OK);
    wire_await(far, POLLIN);
    cr_expect_eq(wire_receive(far, got_bytes, 100), 20);
}

/* Promise 3 */
Test(stream_ends, reads_the_rest_and_then_the_reset)
{
    open_on(wire_tcp);
    wire_send(far, bytes, 10);
    wire_await(stream.fd, POLLIN);
    wire_reset(far);
    far = -1;
    wire_await(stream.fd, POLLHUP);
    cr_expect_eq(stream_read(&stream, got_bytes, 100, &got), STREAM_OK);
    cr_expect_eq(got, 10);
    cr_expect_eq(stream_read(&stream, got_bytes, 100, &got), STREAM_RESET);
    cr_expect_eq(stream.error, ECONNRESET);
    cr_expect_eq(stream_read(&stream, got_bytes, 100, &got), STREAM_RESET);
    cr_expect_eq(stream_write(&stream, bytes, 1), STREAM_RESET);
    cr_expect_eq(stream_finish(&stream), STREAM_RESET);
}

/* The failed write is told of the reset, and then reading says 0: that must
 * not pass for a clean end.  Promise 3. */
Test(stream_ends, a_reset_that_a_write_met_is_no_clean_end)
{
    open_on(wire_tcp);
    wire_send(far, bytes, 10);
    wire_await(stream.fd, POLLIN);
    wire_reset(far);
    far = -1;
    wire_await(stream.fd, POLLHUP);
    cr_expect_eq(stream_write(&stream, bytes, 10), STREAM_RESET);
    cr_expect_eq(stream_read(&stream, got_bytes, 100, &got), STREAM_OK);
    cr_expect_eq(got, 10);
    cr_expect_eq(stream_read(&stream, got_bytes, 100, &got), STREAM_RESET);
    cr_expect_eq(got, 0);
}

/* Promise 3 */
Test(stream_ends, a_reset_that_a_flush_met_is_no_clean_end)
{
    open_on(wire_tcp);
    block();
    wire_reset(far);
    far = -1;
    wire_await(stream.fd, POLLHUP);
    cr_expect_eq(stream_flush(&stream), STREAM_RESET);
    cr_expect_eq(stream_flush(&stream), STREAM_RESET);
    cr_expect_eq(stream_read(&stream, got_bytes, 100, &got), STREAM_RESET);
}

Test(stream_ends, finishes_with_a_fin_once)
{
    open_on(wire_tcp);
    cr_expect_eq(stream_write(&stream, bytes, 10), STREAM_OK);
    cr_expect_eq(stream_finish(&stream), STREAM_OK);
    cr_expect_eq(stream_finish(&stream), STREAM_OK);
    cr_expect_eq(stream_flush(&stream), STREAM_OK);
    wire_await(far, POLLRDHUP);
    cr_expect_eq(wire_receive(far, got_bytes, 100), 10);
    cr_expect_eq(wire_end(far), WIRE_FIN);
    /* ... and goes on reading. */
    wire_send(far, bytes, 5);
    wire_await(stream.fd, POLLIN);
    cr_expect_eq(stream_read(&stream, got_bytes, 100, &got), STREAM_OK);
    cr_expect_eq(got, 5);
}

/* As TLS does with close_notify. */
static void
say_goodbye(struct stream *leaving)
{
    cr_expect_eq(stream_send(leaving, "goodbye", 7), STREAM_OK);
}

static unsigned
packets_received(void)
{
    struct tcp_info info;
    socklen_t length = sizeof(info);

    cr_assert_eq(
        getsockopt(far, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    return info.tcpi_segs_in;
}

Test(stream_ends, what_is_said_at_the_end_comes_with_the_fin)
{
    struct stream_ops ops = stream_plain_ops;
    unsigned before;

    ops.finish = say_goodbye;
    open_on(wire_tcp);
    cr_expect_eq(stream_write(&stream, bytes, 10), STREAM_OK);
    wire_await(far, POLLIN);
    cr_expect_eq(wire_receive(far, got_bytes, 10), 10);
    before = packets_received();
    stream.ops = &ops;
    cr_expect_eq(stream_finish(&stream), STREAM_OK);
    wire_await(far, POLLRDHUP);
    cr_expect_eq(wire_receive(far, got_bytes, 100), 7);
    cr_expect_eq(packets_received() - before, 1);
    stream.ops = &stream_plain_ops;
}

Test(stream_ends, finishes_behind_what_is_pending)
{
    static void (*const wires[])(int fds[2]) = { wire_unix, wire_tcp };

    for (size_t i = 0; i < COUNT(wires); i++) {
        enum stream_status status;
        size_t written, received = 0;

        open_on(wires[i]);
        wire_shrink(stream.fd);
        written = block();
        status = stream_finish(&stream);
        cr_expect_eq(status, STREAM_AGAIN);
        while (received < written) {
            received += wire_receive(far, got_bytes + received, BULK);
            cr_expect_neq(wire_end(far), WIRE_RESET);
            if (buffer_length(&stream.pending) > 0)
                cr_expect_not(stream.finished);
            status = stream_flush(&stream);
        }
        cr_expect_eq(status, STREAM_OK);
        cr_expect_arr_eq(got_bytes, bytes, written);
        wire_await(far, POLLRDHUP);
        cr_expect_eq(wire_end(far), WIRE_FIN);
        stream_close(&stream);
        close(far);
    }
    far = -1;
}

Test(stream_ends, closing_delivers_what_the_kernel_has)
{
    size_t received = 0;

    open_on(wire_tcp);
    cr_assert(socket_close_resets(stream.fd, true));
    cr_assert_eq(stream_write(&stream, bytes, 100000), STREAM_OK);
    stream_close(&stream);
    cr_expect_not(stream_is_open(&stream));
    while (received < 100000) {
        wire_await(far, POLLIN);
        received += wire_receive(far, got_bytes + received, BULK);
    }
    wire_await(far, POLLRDHUP);
    cr_expect_eq(wire_end(far), WIRE_FIN);
}

/* Also where a FIN was sent, or came, before. */
static const struct {
    bool finishes, far_finishes;
} aborts[] = { { false, false }, { true, false }, { false, true } };

Test(stream_ends, aborting_sends_a_reset)
{
    for (size_t i = 0; i < COUNT(aborts); i++) {
        open_on(wire_tcp);
        cr_assert(socket_close_resets(stream.fd, i % 2 == 0));
        if (aborts[i].finishes) {
            cr_expect_eq(stream_finish(&stream), STREAM_OK);
            wire_await(far, POLLRDHUP);
        }
        if (aborts[i].far_finishes) {
            shutdown(far, SHUT_WR);
            wire_await(stream.fd, POLLRDHUP);
        }
        stream_abort(&stream);
        wire_await(far, POLLHUP);
        cr_expect_lt(send(far, "x", 1, MSG_NOSIGNAL), 0, "row %zu", i);
        cr_expect(errno == ECONNRESET || errno == EPIPE);
        cr_expect_not(stream_is_open(&stream));
        stream_abort(&stream); /* again: nothing */
        close(far);
    }
    far = -1;
}

Test(stream_ends, aborting_is_read_as_a_reset)
{
    open_on(wire_tcp);
    block();
    stream_abort(&stream);
    cr_expect_null(stream.pending.data);
    wire_await(far, POLLHUP);
    while (recv(far, got_bytes, BULK, 0) > 0)
        continue;
    cr_expect_eq(errno, ECONNRESET);
}

static int
queued_at(int fd)
{
    int count;

    cr_assert_eq(ioctl(fd, FIONREAD, &count), 0);
    return count;
}

Test(stream_ends, counts_what_the_peer_has_not_got)
{
    static const int polls = 1000;
    size_t written, received = 0;
    int i;

    open_on(wire_tcp);
    cr_expect_eq(stream_unsent(&stream), 0);
    written = block();
    cr_expect_geq(stream_unsent(&stream), buffer_length(&stream.pending));
    cr_expect_leq(stream_unsent(&stream), written);
    for (i = 0; i < polls && stream_unsent(&stream) > 0; i++) {
        received += wire_receive(far, got_bytes + received, BULK);
        cr_assert_neq(stream_flush(&stream), STREAM_RESET);
        wire_sleep_ms(1);
    }
    cr_expect_lt(i, polls);
    cr_expect_eq(received + (size_t)queued_at(far), written);
}

/* What lies queued when a reset comes stays counted by the kernel: whoever
 * waits for it to be delivered would wait for ever. */
Test(stream_ends, nothing_is_unsent_to_a_peer_that_is_gone)
{
    open_on(wire_tcp);
    block();
    cr_expect_gt(stream_unsent(&stream), 0);
    wire_reset(far);
    far = -1;
    wire_await(stream.fd, POLLHUP);
    cr_expect_eq(stream_unsent(&stream), 0);
}
