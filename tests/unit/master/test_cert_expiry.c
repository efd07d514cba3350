/* Certificates of generations in, lines of the log and of `status` out. */
#include "master/cert_expiry.h"

#include <event2/event.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>

#include "base/scratch.h"
#include "config/config.h"
#include "ipc/message.h"

enum { DAY = 24 * 60 * 60 };

static struct event_base *base;
static struct cert_expiry expiry;
static char copied[] = "/run/credentials/a.service/web.pem";
static char own[] = "/etc/web.pem";
static char *paths[] = { own };

static void
set_up(void)
{
    scratch_log_open(LOG_LEVEL_INFO);
    base = event_base_new();
    cr_assert(cert_expiry_open(&expiry, base));
    paths[0] = own;
}

static void
tear_down(void)
{
    cert_expiry_close(&expiry);
    event_base_free(base);
    scratch_remove();
}

TestSuite(cert_expiry, .init = set_up, .fini = tear_down, .timeout = 60);

static void
add(struct cert_records *records, const char *service, const char *subject,
    int64_t left, bool accepts)
{
    struct message_cert fixed = {
        .until = time(NULL) + left, .accepts = accepts,
    };
    struct message message = {
        .payload = &fixed, .text = subject, .text_length = strlen(subject),
    };
    char name[32];
    struct service_config config = { .name = name };

    snprintf(name, sizeof(name), "%s", service);
    config.listen_leg.cert = (struct strings){ .items = paths, .count = 1 };
    snprintf((char *)fixed.fingerprint, sizeof(fixed.fingerprint), "%s",
        subject);
    cr_assert(cert_records_add(records, &config, &message));
}

/* Puts these in force; "" is no certificate. */
static void
take(const char *first, int64_t first_left, const char *second,
    int64_t second_left)
{
    struct cert_records records = { 0 };

    if (first[0] != '\0')
        add(&records, "web", first, first_left, true);
    if (second[0] != '\0')
        add(&records, "db", second, second_left, false);
    cert_expiry_take(&expiry, &records);
    cr_expect_eq(records.count, 0);
}

/* What the log has but for time, and then forgets. */
static void
expect_log(const char *wanted)
{
    char text[4000] = "", *log = scratch_read(scratch_path("log"));
    static size_t seen;

    cr_assert_not_null(log);
    for (char *line = strtok(log + seen, "\n"); line != NULL;
         line = strtok(NULL, "\n")) {
        strcat(text, strchr(line, ' ') + 1);
        strcat(text, "\n");
    }
    free(log);
    log = scratch_read(scratch_path("log"));
    seen = strlen(log);
    free(log);
    cr_expect_str_eq(text, wanted);
}

static const char *
day(int64_t left)
{
    static char text[4][TLS_DATE_SIZE];
    static unsigned turn;

    turn = (turn + 1) % 4;
    return tls_certificate_day(time(NULL) + left, text[turn]);
}

static void
run_for_ms(long ms)
{
    struct timeval span = { ms / 1000, ms % 1000 * 1000 };

    event_base_loopexit(base, &span);
    event_base_dispatch(base);
}

Test(cert_expiry, new_ones_are_told_after_the_start)
{
    char wanted[400];

    take("CN=a", 90 * DAY, "", 0);
    expect_log("");
    take("CN=a", 90 * DAY, "", 0);
    expect_log("");
    take("CN=b", 91 * DAY, "CN=app", 50 * DAY);
    snprintf(wanted, sizeof(wanted), "info web: new certificate CN=b, valid "
        "until %s\ninfo db: new certificate CN=app to show to servers, valid "
        "until %s\n", day(91 * DAY), day(50 * DAY));
    expect_log(wanted);
    take("CN=a", 90 * DAY, "", 0);
    snprintf(wanted, sizeof(wanted), "info web: new certificate CN=a, valid "
        "until %s\n", day(90 * DAY));
    expect_log(wanted);
}

/* What loading has warned of is not told again. */
Test(cert_expiry, is_told_as_each_stage_is_reached)
{
    static const struct { int64_t left; const char *level, *span; } stages[] = {
        { 14 * DAY, "warn", "14 days" },
        { 7 * DAY, "warn", "7 days" },
        { DAY, "warn", "24 hours" },
    };
    char wanted[400];

    for (size_t i = 0; i < COUNT(stages); i++) {
        char name[16];

        snprintf(name, sizeof(name), "CN=%zu", i);
        take(name, stages[i].left + 1, "", 0);
        if (i > 0) {
            snprintf(wanted, sizeof(wanted), "info web: new certificate %s, "
                "valid until %s\n", name, day(stages[i].left + 1));
            expect_log(wanted);
        }
        run_for_ms(2500);
        snprintf(wanted, sizeof(wanted), "%s web: certificate %s runs out in "
            "%s, on %s: renew it\n", stages[i].level, name, stages[i].span,
            day(stages[i].left - 1));
        expect_log(wanted);
        take(name, stages[i].left - 2, "", 0);
        expect_log("");
    }
}

Test(cert_expiry, the_end_is_told)
{
    char wanted[400];

    paths[0] = copied;
    take("CN=a", 1, "CN=app", -DAY);
    expect_log("");
    run_for_ms(3500);
    snprintf(wanted, sizeof(wanted), "error web: certificate CN=a has run out "
        "on %s: peers refuse it; renew it and restart the unit: it is a copy, "
        "made when the unit started\n", day(-2));
    expect_log(wanted);
}

Test(cert_expiry, status_has_what_ends_first_first)
{
    char text[512], wanted[512];

    cert_expiry_describe(&expiry, text, sizeof(text));
    cr_expect_str_eq(text, "");
    take("CN=a", 90 * DAY, "CN=app", 15 * DAY);
    cert_expiry_describe(&expiry, text, sizeof(text));
    cr_expect_str_eq(text, "");
    take("CN=a", 3 * DAY, "CN=app", -3 * DAY);
    cert_expiry_describe(&expiry, text, sizeof(text));
    snprintf(wanted, sizeof(wanted), "db CN=app has run out (%s), web CN=a in "
        "3 days (%s)", day(-3 * DAY), day(3 * DAY));
    cr_expect_str_eq(text, wanted);
    for (size_t size = 8; size < strlen(wanted); size++) {
        cert_expiry_describe(&expiry, text, size);
        cr_expect_lt(strlen(text), size);
        cr_expect_not_null(strstr(text, "..."), "%zu: %s", size, text);
    }
}

/* A revocation list is renewed by itself, every week or hour. */
Test(cert_expiry, lists_are_not_announced)
{
    struct cert_records records = { 0 };
    struct message_cert fixed = { .kind = TLS_CERT_CRL };
    struct message message = { .payload = &fixed, .text = "CN=ca\n\n\n\n" };
    char name[] = "web", text[100];
    struct service_config config = { .name = name };

    take("", 0, "", 0);
    fixed.until = time(NULL) - DAY;
    cr_assert(cert_records_add(&records, &config, &message));
    cert_expiry_take(&expiry, &records);
    run_for_ms(10);
    expect_log("");
    cert_expiry_describe(&expiry, text, sizeof(text));
    cr_expect_str_eq(text, "");
}

Test(cert_expiry, keeps_no_more_than_can_be)
{
    struct cert_records records = { 0 };
    struct message_cert fixed = { .until = 0 };
    struct message message = { .payload = &fixed, .text = "x" };
    char name[] = "web";
    struct service_config config = { .name = name };

    for (size_t i = 0; i < CERT_RECORDS_MAX; i++)
        cr_assert(cert_records_add(&records, &config, &message));
    cr_expect_not(cert_records_add(&records, &config, &message));
    cert_records_clear(&records);
    cr_expect_eq(records.count, 0);
}
