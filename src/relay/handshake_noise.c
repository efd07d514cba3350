#include "relay/handshake_noise.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "base/number.h"

enum { TELL_EVERY_S = 60, COUNTS_SIZE = 512 };

bool
handshake_noise_is(enum tls_cause cause)
{
    return cause != TLS_CAUSE_NONE && cause < TLS_CAUSE_NO_CERTIFICATE;
}

/* ": 12 closed-before-hello, 3 not-tls"; returns the sum, and starts anew. */
static uint64_t
take_counts(struct handshake_noise *noise, char text[COUNTS_SIZE])
{
    uint64_t sum = 0;
    size_t used = 0;

    text[0] = '\0';
    for (unsigned cause = 0; cause < TLS_CAUSE_COUNT; cause++) {
        uint64_t count = noise->left_out[cause];

        if (count == 0 || used >= COUNTS_SIZE)
            continue;
        used += (size_t)snprintf(text + used, COUNTS_SIZE - used,
            "%s%" PRIu64 " %s", used == 0 ? ": " : ", ", count,
            tls_cause_name(cause));
        noise->left_out[cause] = 0;
        sum += count;
    }
    return sum;
}

static void
tell_noise(struct handshake_noise *noise)
{
    char counts[COUNTS_SIZE];
    uint64_t sum = take_counts(noise, counts);

    if (sum > 0)
        log_info(noise->service,
            "%" PRIu64 " more client%s began no session of TLS within %d s%s",
            sum, number_plural(sum), TELL_EVERY_S, counts);
}

static void
on_noise_due(void *arg)
{
    tell_noise(arg);
}

/* Without memory for a timer each is logged. */
bool
handshake_noise_admit(struct handshake_noise *noise, struct event_base *base,
    const char *service, enum tls_cause cause)
{
    noise->service = service;
    if (timer_is_set(&noise->timer)) {
        noise->left_out[cause]++;
        return false;
    }
    (void)!timer_start(&noise->timer, base, on_noise_due, noise,
        SECONDS(TELL_EVERY_S));
    return true;
}

void
handshake_noise_end(struct handshake_noise *noise)
{
    timer_close(&noise->timer);
    tell_noise(noise);
}
