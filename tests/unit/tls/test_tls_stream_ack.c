/* A peer that leaves Nagle's algorithm on keeps its next bytes until its last
 * message of TLS is acknowledged.  Promise 48: no delayed acknowledgement (40 ms
 * and more) is waited for. */
#include <sys/ioctl.h>

#include <linux/sockios.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "far.h"
#include "net/wire.h"
#include "tls/tls_handshake.h"
#include "tls/tls_stream.h"

/* The best of some attempts: a busy machine may be slow, but not every time. */
enum { ATTEMPTS = 10, SOON_MS = 20, PATIENCE_MS = 5000 };

static struct far far;

TestSuite(tls_stream_ack, .init = far_set_up, .fini = far_tear_down,
    .timeout = 60);

static bool
is_acknowledged(void)
{
    int unacknowledged;

    cr_assert_eq(ioctl(far.fd, SIOCOUTQ, &unacknowledged), 0);
    return unacknowledged == 0;
}

/* How long what the peer has sent stays without an acknowledgement. */
static uint64_t
wait_ms(void)
{
    uint64_t from_ms = clock_now_ms();

    while (!is_acknowledged() && clock_now_ms() < from_ms + PATIENCE_MS)
        wire_sleep_ms(1);
    return clock_now_ms() - from_ms;
}

static uint64_t
earlier(uint64_t a_ms, uint64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

Test(tls_stream_ack, of_the_last_message_of_a_handshake)
{
    uint8_t data[100];
    size_t got;

    for (size_t i = 0; i < COUNT(far_cases); i++) {
        uint64_t best_ms = PATIENCE_MS;

        for (int n = 0; n < ATTEMPTS && best_ms >= SOON_MS; n++) {
            far_open(&far, &far_cases[i], wire_tcp);
            far_shake(&far);
            (void)far_drain(&far, data, sizeof(data), &got);
            best_ms = earlier(best_ms, wait_ms());
            far_close(&far);
        }
        cr_expect_lt(best_ms, SOON_MS, "case %zu: %lu ms", i,
            (unsigned long)best_ms);
    }
}

/* A second flight that comes in two pieces, of which the other is held back. */
Test(tls_stream_ack, of_half_a_flight)
{
    uint64_t best_ms = PATIENCE_MS;

    for (int n = 0; n < ATTEMPTS && best_ms >= SOON_MS; n++) {
        far_open(&far, &far_cases[0], wire_tcp);
        SSL_do_handshake(far.ssl);
        far_send_all(&far);
        cr_assert_eq(tls_handshake_run(&far.stream), STREAM_AGAIN);
        far_receive(&far);
        SSL_do_handshake(far.ssl);
        far_send(&far, 20);
        cr_assert_eq(tls_handshake_run(&far.stream), STREAM_AGAIN);
        best_ms = earlier(best_ms, wait_ms());
        far_close(&far);
    }
    cr_expect_lt(best_ms, SOON_MS);
}

/* A server's tickets, behind which its answer would wait. */
Test(tls_stream_ack, of_tickets)
{
    static const struct far_case connect_1_3 = { TLS_CONNECT,
        TLS1_3_VERSION };
    uint8_t data[100];
    uint64_t best_ms = PATIENCE_MS;
    size_t got;

    for (int n = 0; n < ATTEMPTS && best_ms >= SOON_MS; n++) {
        far_open(&far, &connect_1_3, wire_tcp);
        far_shake(&far);
        cr_assert_eq(far_drain(&far, data, sizeof(data), &got), STREAM_AGAIN);
        cr_assert_eq(stream_write(&far.stream, "request", 7), STREAM_OK);
        far_receive(&far);
        cr_assert_eq(SSL_new_session_ticket(far.ssl), 1);
        cr_assert_eq(SSL_do_handshake(far.ssl), 1);
        far_send_all(&far);
        cr_assert_eq(far_drain(&far, data, sizeof(data), &got), STREAM_AGAIN);
        best_ms = earlier(best_ms, wait_ms());
        far_close(&far);
    }
    cr_expect_lt(best_ms, SOON_MS);
}
