#include "tls/tls_dates.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "handshake.h"
#include "pki.h"

static char service_name[] = "test";
static struct pki good, old, old_rsa, next;
static char *good_file, *old_file, *old_rsa_file, *next_file;
static struct error error;

static void
setup(void)
{
    handshake_log("/dev/null");
    good = pki_make(&(struct pki_spec){ .cn = "good" }, NULL);
    old = pki_make(&(struct pki_spec){ .cn = "old", .begins_days = -9,
        .ends_days = -2 }, NULL);
    old_rsa = pki_make(&(struct pki_spec){ .cn = "old rsa", .kind = "RSA",
        .begins_days = -9, .ends_days = -1 }, NULL);
    next = pki_make(&(struct pki_spec){ .cn = "next", .kind = "RSA",
        .begins_days = 2, .ends_days = 9 }, NULL);
    good_file = pki_both("good.pem", &good);
    old_file = pki_both("old.pem", &old);
    old_rsa_file = pki_both("old-rsa.pem", &old_rsa);
    next_file = pki_both("next.pem", &next);
}

static void
teardown(void)
{
    pki_free(&good);
    pki_free(&old);
    pki_free(&old_rsa);
    pki_free(&next);
    error_clear(&error);
    pki_clean();
}

TestSuite(tls_dates, .init = setup, .fini = teardown);

/* Of a listen leg with these certificates. */
static bool
are_good(char **files, size_t count)
{
    struct service_config service = { .name = service_name,
        .listen_leg = LEG(.cert = { files, count }) };
    char messages[1000];
    struct tls_context *context = handshake_context(
        &service, TLS_ACCEPT, messages, sizeof(messages));
    bool ok;

    cr_assert_not_null(context, "%s", messages);
    ok = tls_dates_are_good(context, "web", &error);
    tls_context_free(context);
    return ok;
}

#define ARE_GOOD(...) are_good((char *[]){ __VA_ARGS__ }, \
    sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *))

/* As a message about it begins, with the day so long ago. */
static const char *
words(const char *name, int days_ago)
{
    static char text[100];
    time_t then = time(NULL) - (time_t)days_ago * 24 * 60 * 60;
    struct tm tm;
    int length = snprintf(text, sizeof(text),
        "web: certificate CN=%s has expired on ", name);

    gmtime_r(&then, &tm);
    strftime(text + length, sizeof(text) - (size_t)length, "%Y-%m-%d", &tm);
    return text;
}

Test(tls_dates, of_nothing_are_good)
{
    struct service_config service = { .name = service_name,
        .connect_leg = LEG(.verify = VERIFY_NONE) };
    char messages[1000];
    struct tls_context *context = handshake_context(
        &service, TLS_CONNECT, messages, sizeof(messages));

    cr_assert_not_null(context, "%s", messages);
    cr_expect(tls_dates_are_good(context, "web", &error));
    cr_expect(tls_dates_are_good(NULL, "web", &error));
    cr_expect_not(error_any(&error));
    tls_context_free(context);
}

/* What is not valid yet is somebody's clock, or was made too early: it may be
 * put in force. */
Test(tls_dates, are_good_until_the_end)
{
    cr_expect(ARE_GOOD(good_file));
    cr_expect(ARE_GOOD(next_file));
    cr_expect(ARE_GOOD(good_file, next_file));
    cr_expect_not(error_any(&error));
}

Test(tls_dates, name_what_has_expired)
{
    cr_expect_not(ARE_GOOD(old_file));
    cr_assert_eq(error.count, 1);
    cr_expect_str_eq(error.messages[0], words("old", 2));
    cr_expect_not(ARE_GOOD(good_file, old_rsa_file));
    cr_assert_eq(error.count, 2);
    cr_expect_str_eq(error.messages[1], words("old rsa", 1));
}

Test(tls_dates, name_each_one_that_has)
{
    cr_expect_not(ARE_GOOD(old_file, old_rsa_file));
    cr_assert_eq(error.count, 2);
    for (size_t i = 0; i < 2; i++) {
        const char *message = error.messages[i];

        cr_expect(strcmp(message, words("old", 2)) == 0 ||
            strcmp(message, words("old rsa", 1)) == 0, "%s", message);
    }
    cr_expect_str_neq(error.messages[0], error.messages[1]);
}
