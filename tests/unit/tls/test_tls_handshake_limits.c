/* What a handshake may cost: the size of a hello, the records of one step, and
 * the certificates of a peer are bounded.  Promise 15. */
#include <openssl/ssl.h>

#include <string.h>

#include <criterion/criterion.h>

#include "far.h"
#include "net/wire.h"
#include "tls/tls_handshake.h"
#include "tls/tls_stream.h"

enum {
    RECORD = 5,       /* a record's header */
    WIRE_MAX = 1 << 17,
    JUNK_CHAIN = 200, /* certificates */
    STEP_RECORDS = 128,
};

static const struct far_case accept_1_3 = { TLS_ACCEPT, TLS1_3_VERSION };

static struct far far;
static uint8_t wire[WIRE_MAX], pieces[WIRE_MAX];

TestSuite(tls_handshake_limits, .init = far_set_up, .fini = far_tear_down,
    .timeout = 100);

static void
expect_alert(int description)
{
    uint8_t last[7];
    int size = BIO_pending(SSL_get_rbio(far.ssl));

    cr_assert_geq(size, (int)sizeof(last));
    while (size > (int)sizeof(last))
        size -= BIO_read(SSL_get_rbio(far.ssl), wire,
            size - (int)sizeof(last));
    cr_assert_eq(BIO_read(SSL_get_rbio(far.ssl), last, sizeof(last)), 7);
    cr_expect_eq(last[0], SSL3_RT_ALERT);
    cr_expect_eq(last[5], SSL3_AL_FATAL);
    cr_expect_eq(last[6], description);
}

static void
expect_hello_refused(void)
{
    cr_expect_eq(tls_handshake_run(&far.stream), STREAM_FAILED);
    cr_expect_not_null(
        strstr(tls_stream_failure(&far.stream), "ClientHello: 131000 bytes"));
    far_receive(&far);
    expect_alert(SSL_AD_ILLEGAL_PARAMETER);
    cr_expect_eq(stream_write(&far.stream, "x", 1), STREAM_FAILED);
}

Test(tls_handshake_limits, a_huge_hello_is_refused_by_its_first_bytes)
{
    static const uint8_t whole[] = { 22, 3, 1, 0x40, 0, 1, 1, 0xff, 0xb8 };
    static const uint8_t cut[] = { 22, 3, 1, 0, 1, 1, 22, 3, 1, 0, 1, 1, 22,
        3, 1, 0, 1, 0xff, 22, 3, 1, 0, 1, 0xb8 };

    far_open(&far, &accept_1_3, wire_unix);
    far_send_raw(&far, whole, sizeof(whole));
    expect_hello_refused();
    far_close(&far);
    far_open(&far, &accept_1_3, wire_unix);
    far_send_raw(&far, cut, sizeof(cut));
    expect_hello_refused();
    far_close(&far);
}

Test(tls_handshake_limits, the_second_hello_is_no_larger)
{
    static const uint8_t again[] = { 20, 3, 3, 0, 1, 1, 22, 3, 3, 0x40, 0, 1,
        1, 0xff, 0xb8 };

    far_open(&far, &accept_1_3, wire_unix);
    cr_assert_eq(SSL_set1_groups_list(far.ssl, "ffdhe4096:X25519"), 1);
    SSL_do_handshake(far.ssl);
    far_send_all(&far);
    cr_assert_eq(tls_handshake_run(&far.stream), STREAM_AGAIN);
    far_send_raw(&far, again, sizeof(again));
    expect_hello_refused();
    far_close(&far);
}

/* Puts each byte of the records' contents into a record of its own. */
static size_t
cut_up(const uint8_t *records, size_t size)
{
    size_t length = 0;

    for (size_t at = 0; at + RECORD <= size;) {
        size_t end = at + RECORD + (size_t)(records[at + 3] << 8) +
            records[at + 4];

        for (size_t i = at + RECORD; i < end; i++, length += RECORD + 1) {
            cr_assert_leq(length + RECORD + 1, sizeof(pieces));
            memcpy(pieces + length, records + at, 3);
            pieces[length + 3] = 0;
            pieces[length + 4] = 1;
            pieces[length + 5] = records[i];
        }
        at = end;
    }
    return length;
}

/* A hello of 16 KB, of honest sort, in records of one byte. */
Test(tls_handshake_limits, a_step_reads_few_records)
{
    unsigned char alpn[62 * 256];
    enum stream_status status = STREAM_AGAIN;
    size_t size, steps = 0;

    for (size_t i = 0; i < sizeof(alpn); i++)
        alpn[i] = i % 256 == 0 ? 255 : 'x';
    far_open(&far, &accept_1_3, wire_unix);
    wire_widen((int[]){ far.fd, far.stream.fd });
    cr_assert_eq(SSL_set_alpn_protos(far.ssl, alpn, sizeof(alpn)), 0);
    SSL_do_handshake(far.ssl);
    size = (size_t)BIO_read(SSL_get_wbio(far.ssl), wire, sizeof(wire));
    size = cut_up(wire, size);
    cr_assert_gt(size, 16000 * (RECORD + 1));
    wire_send(far.fd, pieces, size);
    while (far_receive(&far) == 0) {
        steps++;
        status = tls_handshake_run(&far.stream);
        cr_assert_eq(status, STREAM_AGAIN);
        cr_assert_lt(steps, size);
    }
    cr_expect_gt(steps, size / (RECORD + 1) / STEP_RECORDS / 2);
    far_shake(&far);
    far_close(&far);
}

/* While input waits here, no event would tell of it. */
Test(tls_handshake_limits, a_step_that_stops_wants_another_turn)
{
    size_t size = 0;

    far_open(&far, &accept_1_3, wire_unix);
    while (size + RECORD + 1 <= 6000) {
        static const uint8_t start[] = { 1, 0, 0x40, 0, 3, 3 };
        size_t n = size / (RECORD + 1);

        memcpy(pieces + size, (uint8_t[]){ 22, 3, 1, 0, 1,
            n < sizeof(start) ? start[n] : 0 }, RECORD + 1);
        size += RECORD + 1;
    }
    wire_send(far.fd, pieces, size);
    cr_expect_eq(tls_handshake_run(&far.stream), STREAM_AGAIN);
    cr_expect(stream_has_input(&far.stream));
    for (size_t i = 0; i < size && stream_has_input(&far.stream); i++)
        cr_expect_eq(tls_handshake_run(&far.stream), STREAM_AGAIN);
    cr_expect_not(stream_has_input(&far.stream), "all is read");
    far_close(&far);
}

/* None of so many certificates is even looked at. */
Test(tls_handshake_limits, a_long_list_of_certificates_is_refused)
{
    for (size_t i = 2; i < 4; i++) {
        enum stream_status status = STREAM_AGAIN;

        far_open(&far, &far_cases[i], wire_unix);
        wire_widen((int[]){ far.fd, far.stream.fd });
        for (int n = 0; n < JUNK_CHAIN; n++)
            cr_assert_eq(
                SSL_add1_chain_cert(far.ssl, SSL_get_certificate(far.ssl)), 1);
        for (int n = 0; n < 100 && status == STREAM_AGAIN; n++) {
            status = tls_handshake_run(&far.stream);
            far_receive(&far);
            SSL_do_handshake(far.ssl);
            far_send_all(&far);
        }
        cr_expect_eq(status, STREAM_FAILED, "case %zu", i);
        cr_expect_str_eq(tls_stream_failure(&far.stream),
            "the peer sent 201 certificates; verify_depth has at most 14 "
            "taken");
        far_close(&far);
    }
}

Test(tls_handshake_limits, needless_certificates_do_no_harm)
{
    for (size_t i = 2; i < 4; i++) {
        far_open(&far, &far_cases[i], wire_unix);
        for (int n = 0; n < 13; n++)
            cr_assert_eq(
                SSL_add1_chain_cert(far.ssl, SSL_get_certificate(far.ssl)), 1);
        far_shake(&far);
        far_close(&far);
    }
}
