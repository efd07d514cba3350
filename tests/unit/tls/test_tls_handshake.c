#include "tls/tls_handshake.h"

#include <criterion/criterion.h>

#include "far.h"
#include "net/wire.h"
#include "tls/tls_stream.h"

static struct far far;

TestSuite(tls_handshake, .init = far_set_up, .fini = far_tear_down,
    .timeout = 60);

static void
expect_facts(const struct far_case *how)
{
    struct tls_facts facts;

    cr_assert(tls_stream_facts(&far.stream, &facts));
    cr_expect_str_eq(facts.version,
        how->version == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2");
    cr_expect_not_null(facts.cipher);
    cr_expect_eq(facts.sni == NULL, how->role == TLS_ACCEPT);
    cr_expect_str_empty(facts.alpn);
    cr_expect_not(facts.resumed);
    cr_expect_null(tls_stream_failure(&far.stream));
}

Test(tls_handshake, goes_on_byte_by_byte)
{
    for (size_t i = 0; i < COUNT(far_cases); i++) {
        enum stream_status status = STREAM_AGAIN;
        struct tls_facts facts;
        int turns = 0;

        far_open(&far, &far_cases[i], wire_unix);
        while (status == STREAM_AGAIN) {
            cr_assert_lt(++turns, 10000);
            cr_expect_not(tls_stream_facts(&far.stream, &facts));
            status = tls_handshake_run(&far.stream);
            far_receive(&far);
            SSL_do_handshake(far.ssl);
            far_send(&far, 1);
        }
        cr_expect_eq(status, STREAM_OK, "case %zu", i);
        cr_expect_gt(turns, 100);
        expect_facts(&far_cases[i]);
        far_close(&far);
    }
}
