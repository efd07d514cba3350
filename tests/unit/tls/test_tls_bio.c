/* How many system calls TLS takes, and when it stops to read. */
#include "tls/tls_bio.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <openssl/bio.h>

#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "net/loop.h"
#include "net/wire.h"

enum { MOST = LOOP_RECORDS_BYTES, RECORD = 16384 + 256 };

static struct loop *loop;
static struct stream stream;
static struct tls_input input;
static BIO *bio;
static int far;
static uint8_t bytes[2 * MOST], got_bytes[2 * MOST];
static size_t got;

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
}

static void
set_up(void)
{
    int fds[2];

    loop = loop_new();
    cr_assert_not_null(loop);
    wire_unix(fds);
    far = fds[1];
    stream_open(&stream, loop, fds[0], on_ready, NULL);
    input = (struct tls_input){ .stream = &stream };
    bio = tls_bio_new(&input);
    cr_assert_not_null(bio);
    wire_fill(bytes, 0, sizeof(bytes));
}

static void
tear_down(void)
{
    BIO_free(bio);
    buffer_clear(&input.left);
    stream_free(&stream);
    close(far);
    loop_free(loop);
}

TestSuite(tls_bio, .init = set_up, .fini = tear_down, .timeout = 20);

static void
write_records(size_t count)
{
    size_t written;

    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(
            BIO_write_ex(bio, bytes + i * RECORD, RECORD, &written), 1);
        cr_assert_eq(written, RECORD);
    }
}

static int
queued(void)
{
    int count;

    cr_assert_eq(ioctl(far, FIONREAD, &count), 0);
    return count;
}

Test(tls_bio, collects_what_one_call_writes)
{
    tls_bio_begin(&input);
    write_records(3);
    cr_expect_eq(queued(), 0, "nothing is sent yet");
    cr_expect_eq(tls_bio_end(&input), STREAM_OK);
    cr_expect_eq(wire_receive(far, got_bytes, sizeof(got_bytes)), 3 * RECORD);
    cr_expect_arr_eq(got_bytes, bytes, 3 * RECORD);
    cr_expect_eq(tls_bio_end(&input), STREAM_OK, "nothing is left");
    cr_expect_eq(queued(), 0);
    tls_bio_begin(&input);
}

/* More than the loop's memory holds: sent in portions, in order. */
Test(tls_bio, never_refuses_a_record)
{
    size_t count = 2 * MOST / RECORD, all = 0;

    tls_bio_begin(&input);
    write_records(count);
    cr_expect_neq(tls_bio_end(&input), STREAM_RESET);
    while (all < count * RECORD) {
        all += wire_receive(far, got_bytes + all, sizeof(got_bytes) - all);
        cr_expect_neq(stream_flush(&stream), STREAM_RESET);
    }
    cr_expect_arr_eq(got_bytes, bytes, count * RECORD);
}

/* A socket that keeps each send apart shows how many there were. */
Test(tls_bio, sends_many_records_in_one_system_call)
{
    static const int room = 4 * MOST;
    size_t count = MOST / RECORD;
    int fds[2];

    cr_assert_eq(
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
    if (setsockopt(fds[0], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) <
        0) {
        setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
        count = 8; /* as much as others than root may send at once */
    }
    stream_close(&stream);
    stream_open(&stream, loop, fds[0], on_ready, NULL);
    tls_bio_begin(&input);
    write_records(count);
    cr_expect_eq(tls_bio_end(&input), STREAM_OK);
    cr_expect_eq(recv(fds[1], got_bytes, sizeof(got_bytes), 0),
        (ssize_t)count * RECORD);
    cr_expect_eq(recv(fds[1], got_bytes, sizeof(got_bytes), 0), -1);
    close(fds[1]);
}

Test(tls_bio, behind_the_end_nothing_is_sent)
{
    cr_assert_eq(stream_finish(&stream), STREAM_OK);
    tls_bio_begin(&input);
    write_records(1);
    cr_expect_eq(tls_bio_end(&input), STREAM_OK);
    cr_expect_eq(stream.error, 0);
    cr_expect_eq(loop->records_length, 0);
    cr_expect_eq(wire_end(far), WIRE_FIN);
}

static int
read_some(size_t size)
{
    int result = BIO_read_ex(bio, got_bytes, size, &got);

    cr_expect_eq(result == 1, got > 0);
    cr_expect_eq(result != 1, BIO_should_read(bio), "never a failure");
    return result;
}

Test(tls_bio, reads_the_socket_once_for_each_permission)
{
    const size_t most = LOOP_INPUT_BYTES;

    wire_send(far, bytes, 300);
    tls_bio_begin(&input);
    tls_bio_want(&input, most);
    cr_expect_eq(read_some(100), 1);
    wire_send(far, bytes + 300, 50);
    cr_expect_eq(read_some(500), 1, "of what came at once");
    cr_expect_eq(got, 200);
    cr_expect_not(input.starved, "not before it has wanted more");
    cr_expect_eq(read_some(500), 0, "not again in this call");
    cr_expect(input.starved, "fewer than asked for: there is no more");
    input.filled = false;
    cr_expect_eq(read_some(500), 0, "nor after it was starved");
    tls_bio_begin(&input);
    cr_expect_eq(read_some(500), 1);
    cr_expect_eq(got, 50);
}

Test(tls_bio, is_not_starved_by_as_much_as_it_asked_for)
{
    size_t all = 0;

    tls_bio_begin(&input);
    wire_send(far, bytes, input.want + 10);
    while (read_some(1000) == 1)
        all += got;
    cr_expect_eq(all, input.want);
    cr_expect_not(input.starved);
    input.filled = false;
    cr_expect_eq(read_some(1000), 1);
    cr_expect_eq(got, 10);
    cr_expect_eq(read_some(1000), 0);
    cr_expect(input.starved);
}

/* The loop's memory is another connection's next. */
Test(tls_bio, keeps_what_openssl_left)
{
    wire_send(far, bytes, 300);
    tls_bio_begin(&input);
    cr_expect_eq(read_some(100), 1);
    cr_expect_eq(tls_bio_end(&input), STREAM_OK);
    memset(loop->input, 0, LOOP_INPUT_BYTES);
    wire_send(far, bytes + 300, 100);
    tls_bio_begin(&input);
    cr_expect_eq(read_some(150), 1);
    cr_expect_arr_eq(got_bytes, bytes + 100, 150);
    cr_expect_eq(tls_bio_end(&input), STREAM_OK);
    tls_bio_begin(&input);
    cr_expect_eq(read_some(500), 1, "first what is left");
    cr_expect_eq(got, 50);
    cr_expect_null(input.left.data, "which then costs nothing");
    cr_expect_eq(read_some(500), 1, "then what came");
    cr_expect_eq(got, 100);
    cr_expect_arr_eq(got_bytes, bytes + 300, 100);
    cr_expect_eq(tls_bio_end(&input), STREAM_OK);
}

Test(tls_bio, is_dry_when_reading_on_would_find_nothing)
{
    tls_bio_begin(&input);
    wire_send(far, bytes, 300);
    cr_expect_eq(read_some(200), 1);
    cr_expect_not(tls_bio_is_dry(&input), "some of it is here");
    cr_expect_eq(read_some(100), 1);
    cr_expect(tls_bio_is_dry(&input), "it was fewer than asked for");
    wire_send(far, bytes, input.want);
    tls_bio_begin(&input);
    while (read_some(1000) == 1)
        ;
    cr_expect_not(tls_bio_is_dry(&input), "there may be more");
}

/* A reader of what was left over has not been told that more has come. */
Test(tls_bio, is_dry_when_what_was_left_is_used_up)
{
    tls_bio_begin(&input);
    wire_send(far, bytes, 300);
    cr_expect_eq(read_some(100), 1);
    cr_expect_eq(tls_bio_end(&input), STREAM_OK);
    wire_send(far, bytes + 300, 50);
    tls_bio_begin(&input);
    cr_expect_eq(read_some(200), 1);
    cr_expect(tls_bio_is_dry(&input));
    cr_expect_eq(read_some(200), 1, "but it can be had");
    cr_expect_eq(got, 50);
    shutdown(far, SHUT_WR);
    tls_bio_begin(&input);
    cr_expect_eq(read_some(10), 0);
    cr_expect_not(tls_bio_is_dry(&input), "the end is to be told");
}

Test(tls_bio, tells_the_owner_of_the_end_and_openssl_of_nothing)
{
    cr_expect_not(input.began);
    wire_send(far, bytes, 10);
    shutdown(far, SHUT_WR);
    tls_bio_begin(&input);
    cr_expect_eq(read_some(10), 1);
    cr_expect(input.began);
    cr_expect_not(input.ended);
    for (int i = 0; i < 3; i++) {
        tls_bio_begin(&input);
        cr_expect_eq(read_some(10), 0);
        cr_expect(input.ended);
        cr_expect(input.starved);
    }
}

Test(tls_bio, controls_do_what_openssl_needs)
{
    cr_expect_eq(BIO_flush(bio), 1);
    cr_expect_eq(BIO_pending(bio), 0);
    cr_expect_eq(BIO_eof(bio), 0);
}
