#include "master/cert_expiry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "tls/tls_certificate.h"

enum {
    DAY_S = 24 * 60 * 60,
    LOOK_S = 60 * 60, /* at the latest: the calendar may be set */
    MORE_SIZE = 8,    /* of ", ..." */
    PIECE_SIZE = 512,
};

/* How long before its end a certificate is announced. */
static const int64_t stages[] = { TLS_CERT_ENDS_SOON_DAYS * DAY_S, 7 * DAY_S,
    DAY_S, -1 };

/* How many stages it has reached: all of them when it has run out, which it does a
 * second after its last (RFC 5280, 4.1.2.5). */
static uint8_t
stage_at(const struct cert_record *record, int64_t now)
{
    uint8_t stage = 0;

    if (record->kind != TLS_CERT_LEAF)
        return COUNT(stages); /* nothing is ever due */
    while (stage < COUNT(stages) && record->until - now <= stages[stage])
        stage++;
    return stage;
}

static void
announce_end(const struct cert_record *record, int64_t now)
{
    char left[TLS_LEFT_SIZE], date[TLS_DATE_SIZE];
    const char *leg = record->accepts ? "" : ", shown to servers,";
    const char *advice = record->is_copy
        ? " and restart the unit: it is a copy, made when the unit started"
        : "";

    tls_certificate_day(record->until, date);
    if (record->until < now)
        log_error(record->service, "certificate %s%s has run out on %s: peers "
            "refuse it; renew it%s", record->subject, leg, date, advice);
    else
        log_warn(record->service, "certificate %s%s runs out in %s, on %s: "
            "renew it%s", record->subject, leg,
            tls_certificate_left(record->until - now, left), date, advice);
}

static void
announce_stage(struct cert_record *record, int64_t now)
{
    uint8_t stage = stage_at(record, now);

    if (stage > record->announced)
        announce_end(record, now);
    record->announced = stage;
}

/* Seconds until the next stage of one of them. */
static int64_t
next_look(const struct cert_expiry *expiry, int64_t now)
{
    int64_t wait = LOOK_S;

    for (size_t i = 0; i < expiry->served.count; i++) {
        const struct cert_record *record = &expiry->served.items[i];
        int64_t due;

        if (record->announced == COUNT(stages))
            continue;
        due = record->until - stages[record->announced] - now;
        if (due < wait)
            wait = due;
    }
    return wait > 0 ? wait : 1;
}

static void
look_at_ends(void *arg)
{
    struct cert_expiry *expiry = arg;
    int64_t now = time(NULL);

    for (size_t i = 0; i < expiry->served.count; i++)
        announce_stage(&expiry->served.items[i], now);
    timer_set(&expiry->timer, (uint64_t)next_look(expiry, now) * 1000);
}

bool
cert_expiry_open(struct cert_expiry *expiry, struct event_base *base)
{
    *expiry = (struct cert_expiry){ .started = false };
    return timer_open(&expiry->timer, base, look_at_ends, expiry);
}

void
cert_expiry_close(struct cert_expiry *expiry)
{
    timer_close(&expiry->timer);
    cert_records_clear(&expiry->served);
}

static void
log_new(const struct cert_record *record)
{
    char date[TLS_DATE_SIZE];

    log_info(record->service, "new certificate %s%s, valid until %s",
        record->subject, record->accepts ? "" : " to show to servers",
        tls_certificate_day(record->until, date));
}

void
cert_expiry_take(
    struct cert_expiry *expiry, struct cert_records *records)
{
    for (size_t i = 0; i < records->count; i++) {
        struct cert_record *record = &records->items[i];
        const struct cert_record *known =
            cert_records_find(&expiry->served, record);

        if (known == NULL && expiry->started && record->kind == TLS_CERT_LEAF)
            log_new(record);
        record->announced = known != NULL
            ? known->announced
            : stage_at(record, record->told);
    }
    cert_records_clear(&expiry->served);
    cert_records_sort(records);
    expiry->served = *records;
    *records = (struct cert_records){ 0 };
    expiry->started = true;
    look_at_ends(expiry);
}

static int
compare_ends(const void *a, const void *b)
{
    const struct cert_record *const *one = a, *const *other = b;

    return (*one)->until < (*other)->until ? -1 :
        (*one)->until > (*other)->until;
}

static void
describe_one(const struct cert_record *record, int64_t now,
    char text[PIECE_SIZE])
{
    char left[TLS_LEFT_SIZE], date[TLS_DATE_SIZE];

    tls_certificate_day(record->until, date);
    if (record->until < now)
        snprintf(text, PIECE_SIZE, "%s %s has run out (%s)", record->service,
            record->subject, date);
    else
        snprintf(text, PIECE_SIZE, "%s %s in %s (%s)", record->service,
            record->subject, tls_certificate_left(record->until - now, left),
            date);
}

static void
describe_all(const struct cert_record *const *ending, size_t count,
    char *text, size_t size)
{
    char piece[PIECE_SIZE];
    int64_t now = time(NULL);
    size_t length = 0;

    for (size_t i = 0; i < count; i++) {
        describe_one(ending[i], now, piece);
        if (length + strlen(piece) + MORE_SIZE > size) {
            snprintf(text + length, size - length, ", ...");
            return;
        }
        length += (size_t)snprintf(text + length, size - length, "%s%s",
            i > 0 ? ", " : "", piece);
    }
}

void
cert_expiry_describe(
    const struct cert_expiry *expiry, char *text, size_t size)
{
    size_t all = expiry->served.count, count = 0;
    const struct cert_record **ending = calloc(all + 1, sizeof(*ending));

    text[0] = '\0';
    if (ending == NULL)
        return;
    for (size_t i = 0; i < all; i++)
        if (expiry->served.items[i].kind == TLS_CERT_LEAF &&
            expiry->served.items[i].announced > 0)
            ending[count++] = &expiry->served.items[i];
    qsort(ending, count, sizeof(*ending), compare_ends);
    describe_all(ending, count, text, size);
    free(ending);
}
