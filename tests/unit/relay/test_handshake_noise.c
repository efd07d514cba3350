/* Clients that speak no TLS: one has its line, the others are summed up. */
#include "relay/handshake_noise.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/log.h"
#include "base/scratch.h"
#include "net/loop.h"
#include "net/wire.h"

static struct loop *loop;
static struct handshake_noise noise;

static void
set_up(void)
{
    loop = loop_new();
    cr_assert_not_null(loop);
    scratch_log_open(LOG_LEVEL_INFO);
}

static void
tear_down(void)
{
    handshake_noise_end(&noise);
    loop_free(loop);
    log_close();
    scratch_remove();
}

TestSuite(handshake_noise, .init = set_up, .fini = tear_down, .timeout = 30);

static unsigned
admitted_of(unsigned count, enum tls_cause cause)
{
    unsigned admitted = 0;

    for (unsigned i = 0; i < count; i++)
        admitted += handshake_noise_admit(&noise, loop->base, "web", cause);
    return admitted;
}

/* The minute is over. */
static void
let_a_minute_pass(void)
{
    cr_assert(timer_is_set(&noise.timer));
    timer_set(&noise.timer, 0);
    while (timer_is_set(&noise.timer))
        wire_turn(loop);
}

static bool
log_has(const char *words)
{
    char *text = scratch_read(scratch_path("log"));
    bool said = text != NULL && strstr(text, words) != NULL;

    free(text);
    return said;
}

Test(handshake_noise, counts_by_cause)
{
    cr_expect_eq(admitted_of(3, TLS_CAUSE_NOT_TLS), 1);
    cr_expect_eq(admitted_of(4, TLS_CAUSE_CLOSED_BEFORE_HELLO), 0);
    let_a_minute_pass();
    cr_expect(log_has("info web: 6 more clients began no session of TLS within "
                      "60 s: 4 closed-before-hello, 2 not-tls\n"));
    cr_expect_eq(admitted_of(2, TLS_CAUSE_TIMEOUT), 1);
    let_a_minute_pass();
    cr_expect(log_has("web: 1 more client began no session of TLS within 60 s: "
                      "1 timeout\n"), "what was told is not told again");
}

Test(handshake_noise, tells_nothing_of_none)
{
    cr_expect_eq(admitted_of(1, TLS_CAUSE_TIMEOUT), 1);
    let_a_minute_pass();
    cr_expect_not(log_has("web"));
}

/* A service that goes, or a process that ends, leaves nothing untold. */
Test(handshake_noise, tells_it_when_the_service_goes)
{
    cr_expect_eq(admitted_of(3, TLS_CAUSE_CLOSED), 1);
    handshake_noise_end(&noise);
    cr_expect(log_has("web: 2 more clients began no session of TLS"));
}

/* A line for each cause that it may have fits. */
Test(handshake_noise, is_what_comes_to_no_certificate)
{
    cr_expect_not(handshake_noise_is(TLS_CAUSE_NONE));
    for (unsigned cause = 1; cause < TLS_CAUSE_COUNT; cause++) {
        bool is = handshake_noise_is(cause);

        cr_expect_eq(is, cause <= TLS_CAUSE_PROTOCOL_ERROR, "%u", cause);
        if (is)
            noise.left_out[cause] = UINT64_MAX / 16;
    }
    noise.service = "web";
    handshake_noise_end(&noise);
    cr_expect(log_has(" protocol-error\n"));
}
