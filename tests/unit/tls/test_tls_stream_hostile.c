/* Messages and records that a peer may send, but not without end.
 * Promise 15. */
#include <sys/ioctl.h>

#include <openssl/err.h>

#include <string.h>

#include <criterion/criterion.h>

#include "far.h"
#include "forge.h"
#include "net/loop.h"
#include "net/wire.h"
#include "tls/tls_stream.h"

enum { HANDSHAKE = 22, DATA = 23, FLOOD = 100000 };

/* The most that one read takes from the socket. */
enum { FILL = LOOP_INPUT_BYTES };

static const struct far_case accept_1_3 = { TLS_ACCEPT, TLS1_3_VERSION };
static const uint8_t key_update[] = { 24, 0, 0, 1, 0 };

static struct far far;
static struct forge forge;
static uint8_t data[1 << 18];
static size_t got;

static void
open_pair(const struct far_case *how)
{
    far_open(&far, how, wire_unix);
    far_shake(&far);
}

static void
set_up(void)
{
    far_set_up();
    memset(&far, 0, sizeof(far));
    far.fd = -1;
}

TestSuite(tls_stream_hostile, .init = set_up, .fini = far_tear_down,
    .timeout = 100);

static void
update_key(int type)
{
    cr_assert_eq(SSL_key_update(far.ssl, type), 1);
    cr_assert_eq(SSL_do_handshake(far.ssl), 1);
}

Test(tls_stream_hostile, key_updates_are_taken_in_stride)
{
    static const struct far_case cases[] = {
        { TLS_ACCEPT, TLS1_3_VERSION }, { TLS_CONNECT, TLS1_3_VERSION } };
    int code;

    for (size_t i = 0; i < COUNT(cases); i++) {
        open_pair(&cases[i]);
        for (int j = 0; j < 3000; j++) {
            update_key(j % 2 == 0 ? SSL_KEY_UPDATE_REQUESTED
                                  : SSL_KEY_UPDATE_NOT_REQUESTED);
            far_write(&far, "hello", 5);
            far_send_all(&far);
            cr_assert_eq(far_drain(&far, data, sizeof(data), &got),
                STREAM_AGAIN);
            cr_assert_eq(got, 5);
            cr_assert_eq(stream_write(&far.stream, "hello", 5), STREAM_OK);
            far_receive(&far);
            cr_assert_eq(far_read(&far, data, sizeof(data), &code), 5);
        }
        far_close(&far);
    }
}

/* One segment may hold data, a message and data. */
Test(tls_stream_hostile, data_behind_a_message_needs_no_event)
{
    open_pair(&accept_1_3);
    far_write(&far, "before", 6);
    update_key(SSL_KEY_UPDATE_REQUESTED);
    far_write(&far, "behind", 6);
    far_send_all(&far);
    got = 0;
    do {
        size_t n;

        (void)!stream_read(&far.stream, data + got, 100, &n);
        got += n;
    } while (stream_has_input(&far.stream));
    cr_expect_eq(got, 12);
    cr_expect_arr_eq(data, "beforebehind", 12);
    far_close(&far);
}

static int
queued(void)
{
    int count;

    cr_assert_eq(ioctl(far.stream.fd, FIONREAD, &count), 0);
    return count;
}

/* A flood is refused soon, and no single read takes much of it. */
static void
flood(int type)
{
    enum stream_status status = STREAM_AGAIN;
    int sent = 0;

    open_pair(&accept_1_3);
    while (status == STREAM_AGAIN && sent < FLOOD) {
        int before;

        while (queued() < 100000 && sent < FLOOD) {
            for (int i = 0; i < 500; i++, sent++)
                update_key(type);
            far_send_all(&far);
        }
        before = queued();
        status = stream_read(&far.stream, data, sizeof(data), &got);
        cr_assert_eq(got, 0);
        cr_assert_leq(before - queued(), FILL);
        cr_assert_leq(buffer_length(&far.stream.pending), 1 << 20);
    }
    cr_expect_eq(status, STREAM_FAILED);
    cr_expect_lt(sent, FLOOD / 10, "refused after less than %d", sent);
    cr_expect_not_null(strstr(tls_stream_failure(&far.stream), "flood"));
    cr_expect_eq(stream_write(&far.stream, "x", 1), STREAM_FAILED);
    far_close(&far);
}

Test(tls_stream_hostile, a_flood_of_key_updates_is_refused)
{
    flood(SSL_KEY_UPDATE_NOT_REQUESTED);
}

Test(tls_stream_hostile, a_flood_of_key_updates_to_answer_is_refused)
{
    flood(SSL_KEY_UPDATE_REQUESTED);
}

Test(tls_stream_hostile, a_flood_one_by_one_is_refused)
{
    enum stream_status status = STREAM_AGAIN;
    int sent = 0;

    open_pair(&accept_1_3);
    for (; status == STREAM_AGAIN && sent < 3000; sent++) {
        update_key(SSL_KEY_UPDATE_NOT_REQUESTED);
        far_send_all(&far);
        status = stream_read(&far.stream, data, sizeof(data), &got);
    }
    cr_expect_eq(status, STREAM_FAILED);
    far_close(&far);
}

Test(tls_stream_hostile, a_flood_of_empty_records_is_refused)
{
    open_pair(&accept_1_3);
    forge_start(&forge, &far);
    for (int i = 0; i < 200; i++)
        forge_send(&forge, &far, DATA, "", 0);
    cr_expect_eq(far_drain(&far, data, sizeof(data), &got), STREAM_FAILED);
    cr_expect_eq(got, 0);
    far_close(&far);
}

Test(tls_stream_hostile, some_empty_records_do_no_harm)
{
    open_pair(&accept_1_3);
    forge_start(&forge, &far);
    for (int i = 0; i < 200; i++)
        forge_send(&forge, &far, DATA, "x", i % 10 == 0);
    for (size_t all = 0, turn = 0; all < 20; all += got) {
        enum stream_status status =
            stream_read(&far.stream, data, sizeof(data), &got);

        cr_assert(status == STREAM_OK || status == STREAM_AGAIN);
        cr_assert_lt(turn++, 1000);
    }
    far_close(&far);
}

Test(tls_stream_hostile, tiny_records_are_read_in_portions)
{
    size_t all = 0;

    open_pair(&accept_1_3);
    forge_start(&forge, &far);
    for (int i = 0; i < 200; i++)
        forge_send(&forge, &far, DATA, "x", 1);
    while (all < 200) {
        cr_assert_eq(stream_read(&far.stream, data, sizeof(data), &got),
            STREAM_OK);
        cr_assert_leq(got, 100);
        all += got;
        cr_assert(all == 200 || queued() > 0 ||
            stream_has_input(&far.stream));
    }
    far_close(&far);
}

/* Half a message of the handshake protocol: nothing can be written until the
 * other half is here, and then everything goes on. */
Test(tls_stream_hostile, half_a_message_holds_writing_up)
{
    int code;

    open_pair(&accept_1_3);
    forge_start(&forge, &far);
    forge_send(&forge, &far, DATA, "first", 5);
    forge_send(&forge, &far, HANDSHAKE, key_update, 4);
    cr_expect_eq(far_drain(&far, data, sizeof(data), &got), STREAM_AGAIN);
    cr_expect_eq(got, 5);
    cr_expect_not(stream_may_write(&far.stream));
    forge_send(&forge, &far, HANDSHAKE, key_update + 4, 1);
    forge_next_key(&forge);
    forge_send(&forge, &far, DATA, "second", 6);
    got = 0;
    for (int i = 0; i < 10 && got == 0; i++)
        (void)!stream_read(&far.stream, data, sizeof(data), &got);
    cr_expect_eq(got, 6);
    cr_expect(stream_may_write(&far.stream));
    cr_expect_eq(stream_write(&far.stream, "answer", 6), STREAM_OK);
    far_receive(&far);
    cr_expect_eq(far_read(&far, data, sizeof(data), &code), 6);
    far_close(&far);
}

/* An answer to a KeyUpdate can no longer be sent behind close_notify and FIN;
 * that is no reason to take the connection for broken. */
Test(tls_stream_hostile, a_key_update_after_our_end_does_no_harm)
{
    open_pair(&accept_1_3);
    cr_assert_eq(stream_finish(&far.stream), STREAM_OK);
    for (int i = 0; i < 10; i++) {
        update_key(SSL_KEY_UPDATE_REQUESTED);
        far_write(&far, "hello", 5);
        far_send_all(&far);
        cr_assert_eq(
            far_drain(&far, data, sizeof(data), &got), STREAM_AGAIN);
        cr_assert_eq(got, 5);
    }
    cr_expect_eq(far.stream.error, 0);
    far_close(&far);
}

/* Promise 13 */
Test(tls_stream_hostile, renegotiation_is_refused)
{
    static const struct far_case how = { TLS_ACCEPT, TLS1_2_VERSION };
    int code;

    open_pair(&how);
    SSL_set_options(far.ssl, SSL_OP_LEGACY_SERVER_CONNECT);
    cr_assert_eq(SSL_renegotiate(far.ssl), 1);
    SSL_do_handshake(far.ssl);
    far_send_all(&far);
    cr_expect_neq(far_drain(&far, data, sizeof(data), &got), STREAM_OK);
    far_receive(&far);
    far_read(&far, data, sizeof(data), &code);
    cr_expect_eq(code, SSL_ERROR_SSL);
    cr_expect_eq(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
    ERR_clear_error();
    far_close(&far);
}
