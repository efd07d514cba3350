/* Handshakes and data over a socket pair, however it is cut into pieces. */
#include "tls/tls_handshake.h"
#include "tls/tls_stream.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "far.h"
#include "net/loop.h"
#include "net/wire.h"

enum { BULK = 1 << 20 };

static struct far far;
static uint8_t bytes[BULK], got_bytes[BULK];

TestSuite(tls_stream, .init = far_set_up, .fini = far_tear_down,
    .timeout = 60);

static size_t
at_most(size_t n)
{
    return 1 + (size_t)random() % n;
}

static size_t
smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int
queued(int fd)
{
    int count;

    cr_assert_eq(ioctl(fd, FIONREAD, &count), 0);
    return count;
}

/* Reads once.  If `has_input` says no, then nothing must be left that only an
 * event could manager_state but none will. */
static size_t
read_once(size_t at, size_t size)
{
    bool dry;
    size_t got, more;
    enum stream_status status =
        stream_read(&far.stream, got_bytes + at, size, &got);

    cr_assert(status == STREAM_OK || status == STREAM_AGAIN);
    cr_assert_eq(got > 0, status == STREAM_OK);
    dry = queued(far.stream.fd) == 0;
    if (!stream_has_input(&far.stream) && dry && at + got < BULK) {
        status = stream_read(
            &far.stream, got_bytes + at + got, BULK - at - got, &more);
        cr_assert_eq(status, STREAM_AGAIN, "input was there unannounced");
    }
    return got;
}

static void
read_from_peer(size_t record, size_t fragment, size_t step)
{
    size_t written = 0, got = 0;

    while (got < BULK) {
        if (written < BULK) {
            size_t size = smaller(at_most(record), BULK - written);

            far_write(&far, bytes + written, size);
            written += size;
        }
        if (queued(far.stream.fd) < 65536)
            far_send(&far, at_most(fragment));
        got += read_once(got, smaller(at_most(step), BULK - got));
    }
    cr_expect_arr_eq(got_bytes, bytes, BULK);
    memset(got_bytes, 0, BULK);
}

/* Bytes in a record, in what the socket holds at once, and in what is asked
 * for, at most. */
static const struct {
    size_t record, fragment, step;
} sizes[] = {
    { 100, 16384, 50000 },
    { 16384, 700, 100000 },
    { 16384, 16384, 999 },
    { 65536, 16384, 262144 },
    { 3000, 5000, 4000 },
};

/* Promise 1 */
Test(tls_stream, reads_whatever_the_pieces)
{
    wire_fill(bytes, 0, BULK);
    srandom(7);
    for (size_t i = 0; i < COUNT(far_cases); i++) {
        far_open(&far, &far_cases[i], wire_unix);
        far_shake(&far);
        for (size_t j = 0; j < COUNT(sizes); j++)
            read_from_peer(sizes[j].record, sizes[j].fragment, sizes[j].step);
        far_close(&far);
    }
}

static void
write_to_peer(size_t step)
{
    size_t written = 0, got = 0;
    enum stream_status status = STREAM_OK;

    while (got < BULK) {
        int code, n;

        if (status == STREAM_OK && written < BULK) {
            size_t size = smaller(at_most(step), BULK - written);

            status = stream_write(&far.stream, bytes + written, size);
            written += size;
        }
        cr_assert(status == STREAM_OK || status == STREAM_AGAIN);
        cr_assert_eq(
            status == STREAM_AGAIN, buffer_length(&far.stream.pending) > 0);
        cr_assert_leq(buffer_length(&far.stream.pending), LOOP_RECORDS_BYTES);
        far_receive(&far);
        n = far_read(&far, got_bytes + got, BULK - got, &code);
        cr_assert_geq(n, 0);
        got += (size_t)n;
        status = stream_flush(&far.stream);
    }
    cr_expect_arr_eq(got_bytes, bytes, BULK);
    memset(got_bytes, 0, BULK);
}

/* Promise 1 */
Test(tls_stream, writes_whatever_the_kernel_takes)
{
    static const size_t steps[] = { 50, 16384, 100000, LOOP_SCRATCH_BYTES };

    wire_fill(bytes, 0, BULK);
    srandom(7);
    for (size_t i = 0; i < COUNT(far_cases); i++) {
        far_open(&far, &far_cases[i], wire_unix);
        wire_shrink(far.stream.fd);
        far_shake(&far);
        for (size_t j = 0; j < COUNT(steps); j++)
            write_to_peer(steps[j]);
        cr_expect_null(far.stream.pending.data);
        far_close(&far);
    }
}

/* A ticket that the client never reads would reset the tail of what it wrote
 * when it closes.  TLS 1.2 sends it in the handshake, which is read.
 * Promise 4. */
Test(tls_stream, sends_the_ticket_with_the_first_data)
{
    static const struct far_case how = { TLS_ACCEPT, TLS1_3_VERSION };
    char text[10];
    int code;

    far_open(&far, &how, wire_unix);
    far_shake(&far);
    cr_expect_eq(far_read(&far, text, sizeof(text), &code), 0);
    cr_expect_eq(far.tickets, 0);
    far_write(&far, "hello", 5);
    far_send_all(&far);
    cr_expect_eq(read_once(0, 10), 5);
    cr_expect_eq(queued(far.fd), 0, "not a byte for a peer that only writes");
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(stream_write(&far.stream, "hello", 5), STREAM_OK);
        far_receive(&far);
        cr_expect_eq(far_read(&far, text, sizeof(text), &code), 5);
        cr_expect_eq(far.tickets, 1);
    }
    far_close(&far);
}

/* Promise 4 */
Test(tls_stream, an_end_alone_brings_no_ticket)
{
    static const struct far_case how = { TLS_ACCEPT, TLS1_3_VERSION };
    char text[10];
    int code;

    far_open(&far, &how, wire_unix);
    far_shake(&far);
    cr_assert_eq(stream_finish(&far.stream), STREAM_OK);
    far_receive(&far);
    cr_expect_eq(far_read(&far, text, sizeof(text), &code), -1);
    cr_expect_eq(code, SSL_ERROR_ZERO_RETURN);
    cr_expect_eq(far.tickets, 0);
    far_close(&far);
}

Test(tls_stream, a_plain_stream_has_no_facts)
{
    struct stream plain = STREAM_NONE;
    struct tls_facts facts;

    cr_expect_not(tls_stream_is_tls(&plain));
    cr_expect_null(tls_stream_failure(&plain));
    cr_expect_not(tls_stream_facts(&plain, &facts));
}

Test(tls_stream, may_be_freed_at_any_time)
{
    for (size_t i = 0; i < COUNT(far_cases); i++)
        for (int turns = 0; turns < 6; turns++) {
            far_open(&far, &far_cases[i], wire_unix);
            for (int j = 0; j < turns; j++) {
                (void)!tls_handshake_run(&far.stream);
                far_receive(&far);
                SSL_do_handshake(far.ssl);
                far_send(&far, 900);
            }
            far_close(&far);
        }
}
