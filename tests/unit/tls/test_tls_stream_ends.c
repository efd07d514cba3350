/* How TLS ends, and what can still be done then. */
#include <sys/socket.h>

#include <openssl/err.h>

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "far.h"
#include "net/loop.h"
#include "net/wire.h"
#include "tls/tls_handshake.h"
#include "tls/tls_stream.h"

static struct far far;
static uint8_t data[1 << 20];
static size_t got;

TestSuite(tls_stream_ends, .init = far_set_up, .fini = far_tear_down,
    .timeout = 60);

static void
close_notify_and_fin(void)
{
    SSL_shutdown(far.ssl);
    far_send_all(&far);
    shutdown(far.fd, SHUT_WR);
}

static void
close_notify(void)
{
    SSL_shutdown(far.ssl);
    far_send_all(&far);
}

static void
fin(void)
{
    shutdown(far.fd, SHUT_WR);
}

static void
half_a_record_and_fin(void)
{
    uint8_t record[100];
    int size;

    far_write(&far, "hello", 5);
    size = BIO_read(SSL_get_wbio(far.ssl), record, sizeof(record));
    far_send_raw(&far, record, (size_t)size - 1);
    shutdown(far.fd, SHUT_WR);
}

static void
reset(void)
{
    wire_reset(far.fd);
    far.fd = -1;
}

static void
garbage(void)
{
    far_send_raw(&far, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", 36);
}

static void
spoilt_record(void)
{
    uint8_t record[100];
    int size;

    far_write(&far, "hello", 5);
    size = BIO_read(SSL_get_wbio(far.ssl), record, sizeof(record));
    record[size - 1] ^= 1;
    far_send_raw(&far, record, (size_t)size);
}

/* What the peer does behind 100 bytes of data, how reading then ends, whether
 * writing still works, what is said, and whether an alert is sent.
 * NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in that order */
static const struct {
    const char *name;
    void (*act)(void);
    enum stream_status want;
    bool writes;
    const char *failure; /* NULL: none; "": whatever OpenSSL calls it */
    bool alerts;
} ends[] = {
    { "close_notify, FIN", close_notify_and_fin, STREAM_END, true, NULL,
        false },
    { "close_notify", close_notify, STREAM_END, true, NULL, false },
    { "FIN", fin, STREAM_TRUNCATED, true,
        "the peer closed without close_notify", false },
    { "half a record, FIN", half_a_record_and_fin, STREAM_TRUNCATED, true,
        "the peer closed without close_notify", false },
    { "RST", reset, STREAM_RESET, false, "Connection reset by peer", false },
    { "garbage", garbage, STREAM_FAILED, false, "", true },
    { "spoilt record", spoilt_record, STREAM_FAILED, false, "failed", true },
};

/* Reads until it ends, or `size` bytes are here and nothing else. */
static enum stream_status
read_on(size_t size)
{
    enum stream_status status = STREAM_AGAIN;

    got = 0;
    for (int i = 0; i < 2000 && status == STREAM_AGAIN && got < size; i++) {
        size_t n;

        wire_sleep_ms(1);
        status = far_drain(&far, data + got, sizeof(data) - got, &n);
        got += n;
    }
    return status;
}

static void
expect_end(size_t row)
{
    const char *failure;

    for (int i = 0; i < 3; i++) {
        size_t none;

        cr_assert_eq(stream_read(&far.stream, data, 1, &none), ends[row].want,
            "%s", ends[row].name);
        cr_expect(stream_has_input(&far.stream), "an end needs no event");
    }
    failure = tls_stream_failure(&far.stream);
    cr_assert_eq(failure == NULL, ends[row].failure == NULL);
    if (failure != NULL)
        cr_expect_not_null(
            strstr(failure, ends[row].failure), "%s", failure);
}

static void
expect_writes(size_t row)
{
    enum stream_status status = stream_write(&far.stream, "answer", 6);
    int code;

    cr_assert_eq(status == STREAM_OK, ends[row].writes, "%s", ends[row].name);
    if (!ends[row].writes)
        return;
    wire_await(far.fd, POLLIN);
    far_receive(&far);
    cr_expect_eq(far_read(&far, data, sizeof(data), &code), 6);
    cr_expect_arr_eq(data, "answer", 6);
}

static void
expect_alert(size_t row)
{
    int code;

    if (far.fd < 0)
        return;
    wire_sleep_ms(1);
    far_receive(&far);
    far_read(&far, data, sizeof(data), &code);
    cr_expect_eq(code == SSL_ERROR_SSL, ends[row].alerts, "%s: %d",
        ends[row].name, code);
    ERR_clear_error();
}

static void
run_end(const struct far_case *how, size_t row, bool apart)
{
    size_t before = 0;

    far_open(&far, how, wire_tcp);
    far_shake(&far);
    wire_fill(data, 0, 100);
    far_write(&far, data, 100);
    far_send_all(&far);
    if (apart) { /* what ends it comes after the data was read */
        cr_assert_eq(read_on(100), STREAM_AGAIN);
        before = got;
    }
    ends[row].act();
    cr_assert_eq(read_on(sizeof(data)), ends[row].want, "%s", ends[row].name);
    cr_expect_eq(before + got, 100, "%s: %zu", ends[row].name, got);
    cr_expect(wire_matches(data, 0, 100));
    expect_end(row);
    expect_writes(row);
    expect_alert(row);
    far_close(&far);
}

/* Promise 3 */
Test(tls_stream_ends, are_told_apart_behind_the_data)
{
    for (size_t i = 0; i < COUNT(far_cases); i++)
        for (size_t row = 0; row < COUNT(ends); row++) {
            run_end(&far_cases[i], row, false);
            run_end(&far_cases[i], row, true);
        }
}

Test(tls_stream_ends, says_close_notify_and_fin_and_goes_on_reading)
{
    for (size_t i = 0; i < COUNT(far_cases); i++) {
        int code;

        far_open(&far, &far_cases[i], wire_tcp);
        far_shake(&far);
        cr_assert_eq(stream_write(&far.stream, "last", 4), STREAM_OK);
        cr_assert_eq(stream_finish(&far.stream), STREAM_OK);
        cr_assert_eq(stream_finish(&far.stream), STREAM_OK);
        wire_await(far.fd, POLLRDHUP);
        far_receive(&far);
        cr_expect_eq(far_read(&far, data, sizeof(data), &code), 4);
        cr_expect_eq(code, SSL_ERROR_ZERO_RETURN);
        cr_expect_eq(wire_end(far.fd), WIRE_FIN);
        for (int j = 0; j < 3; j++) {
            far_write(&far, "more", 4);
            far_send_all(&far);
            wire_await(far.stream.fd, POLLIN);
            cr_expect_eq(far_drain(&far, data, sizeof(data), &got),
                STREAM_AGAIN);
            cr_expect_eq(got, 4);
        }
        far_close(&far);
    }
}

/* What a write met, reading must not take for an end; what came before it was
 * accepted, and is read.  Promise 3. */
Test(tls_stream_ends, a_reset_that_a_write_met_is_no_end_but_behind_the_data)
{
    for (size_t i = 0; i < COUNT(far_cases); i++) {
        far_open(&far, &far_cases[i], wire_tcp);
        far_shake(&far);
        far_write(&far, data, 5000);
        far_send_all(&far);
        wire_await(far.stream.fd, POLLIN);
        reset();
        wire_await(far.stream.fd, POLLHUP);
        cr_expect_eq(stream_write(&far.stream, "answer", 6), STREAM_RESET);
        cr_expect_eq(
            far_drain(&far, data, sizeof(data), &got), STREAM_RESET);
        cr_expect_eq(got, 5000, "case %zu: %zu", i, got);
        far_close(&far);
    }
}

/* What the peer does instead of a handshake, after `turns` turns of one. */
static const struct {
    const char *name;
    void (*act)(void);
    int turns;
    enum stream_status want;
    const char *failure;
} early[] = {
    { "FIN at once", fin, 0, STREAM_END, NULL },
    { "FIN half way", fin, 1, STREAM_TRUNCATED, "without close_notify" },
    { "RST at once", reset, 0, STREAM_RESET, "Connection reset by peer" },
    { "RST half way", reset, 1, STREAM_RESET, "Connection reset by peer" },
    { "garbage", garbage, 0, STREAM_FAILED, "" },
};

Test(tls_stream_ends, of_handshakes)
{
    for (size_t i = 0; i < COUNT(far_cases); i++)
        for (size_t row = 0; row < COUNT(early); row++) {
            enum stream_status status = STREAM_AGAIN;

            far_open(&far, &far_cases[i], wire_tcp);
            for (int j = 0; j < early[row].turns; j++) {
                status = tls_handshake_run(&far.stream);
                wire_sleep_ms(1);
                far_receive(&far);
                SSL_do_handshake(far.ssl);
                far_send(&far, 50); /* never a whole flight */
                cr_assert_eq(status, STREAM_AGAIN);
            }
            early[row].act();
            for (int j = 0; j < 100 && status == STREAM_AGAIN; j++) {
                wire_sleep_ms(1);
                status = tls_handshake_run(&far.stream);
            }
            cr_expect_eq(status, early[row].want, "%s: %d", early[row].name,
                status);
            if (early[row].failure != NULL)
                cr_expect_not_null(strstr(
                    tls_stream_failure(&far.stream), early[row].failure));
            far_close(&far);
        }
}
