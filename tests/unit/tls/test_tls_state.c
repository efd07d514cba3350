#include "tls/tls_state.h"

#include <errno.h>
#include <stdlib.h>

#include <criterion/criterion.h>

static struct tls_state tls;

static void
set_up(void)
{
    tls = (struct tls_state){ .ssl = NULL };
}

static void
tear_down(void)
{
    free(tls.failure);
}

TestSuite(tls_state, .init = set_up, .fini = tear_down);

Test(tls_state, keeps_what_failed_first)
{
    tls_state_keep_failure(&tls, TLS_CAUSE_NO_SIGNATURE, "the key is gone");
    tls_state_keep_failure(&tls, TLS_CAUSE_CLOSED, "Connection reset");
    tls_state_keep_end(&tls, TLS_CAUSE_PROTOCOL_ERROR, "TLS failed");
    cr_expect_eq(tls.cause, TLS_CAUSE_NO_SIGNATURE);
    cr_expect_str_eq(tls.failure, "the key is gone");
}

Test(tls_state, names_what_was_asked_for_in_vain)
{
    tls.renegotiated = true;
    tls_state_keep_end(&tls, TLS_CAUSE_PROTOCOL_ERROR, "bad record");
    cr_expect_str_eq(tls.failure, TLS_STATE_REFUSED "; then: bad record");
}

Test(tls_state, tells_ends_of_the_socket_apart)
{
    static const struct {
        int error;
        bool ended;
        enum stream_status want;
        bool fails;
    } cases[] = {
        { 0, false, STREAM_AGAIN, false },
        { 0, true, STREAM_TRUNCATED, true },
        { ECONNRESET, false, STREAM_RESET, true },
        { ECONNRESET, true, STREAM_RESET, true },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct stream stream = { .error = cases[i].error };

        tear_down();
        set_up();
        tls.input.ended = cases[i].ended;
        cr_expect_eq(
            tls_state_judge_socket(&stream, &tls), cases[i].want, "%zu", i);
        cr_expect_eq(tls.failure != NULL, cases[i].fails, "%zu", i);
    }
}

Test(tls_state, without_a_signer_is_never_held)
{
    cr_expect_not(tls_state_is_held(&tls));
    tls_state_drop_job(&tls);
    cr_expect_not(tls.broken);
}
