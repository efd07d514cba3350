/* What `certs` prints of one certificate or revocation list. */
#include "admin/certs_text.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <jansson.h>

enum { DAY = 24 * 60 * 60, NOW = 1800000000 }; /* 2027-01-15T08:00:00Z */

static const struct certs_user users[] = {
    { "web", true }, { "api", true }, { "db", false },
};

static struct certs_item
make_cert(void)
{
    return (struct certs_item){
        .begins = NOW - 9 * DAY, .until = NOW + 43 * DAY,
        .subject = "CN=web.test", .issuer = "CN=My CA", .serial = "0A1B",
        .key = "EC P-256", .names = "web.test, *.web.test", .chain = 2,
        .fingerprint = "00ff", .users = users, .user_count = COUNT(users),
    };
}

static struct certs_item
make_crl(void)
{
    return (struct certs_item){
        .is_crl = true, .begins = NOW - 2 * DAY, .until = NOW + 5 * DAY,
        .subject = "CN=My CA", .fingerprint = "11", .users = users,
        .user_count = 1,
    };
}

static char *
text_of(const struct certs_item *item)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    certs_text_item(item, NOW, out);
    fclose(out);
    return text;
}

static void
expect_text(const struct certs_item *item, const char *want)
{
    char *text = text_of(item);

    cr_expect_str_eq(text, want);
    free(text);
}

static void
expect_first_line(const struct certs_item *item, const char *want)
{
    char *text = text_of(item);

    text[strcspn(text, "\n")] = '\0';
    cr_expect_str_eq(text, want);
    free(text);
}

Test(certs_text, says_all_of_a_certificate)
{
    struct certs_item item = make_cert();

    expect_text(&item, "CN=web.test: 43 days left, until 2027-02-27\n"
        "  names     web.test, *.web.test\n"
        "  issuer    CN=My CA\n"
        "  serial    0A1B\n"
        "  key       EC P-256, chain of 2\n"
        "  listen    web, api\n"
        "  connect   db\n");
    item.until = NOW - DAY;
    expect_first_line(&item, "CN=web.test: HAS RUN OUT, on 2027-01-14");
    item.begins = NOW + DAY;
    expect_first_line(&item, "CN=web.test: not valid yet, from 2027-01-16");
}

Test(certs_text, says_how_old_a_list_is)
{
    struct certs_item item = make_crl();

    expect_text(&item, "CRL of CN=My CA: dated 2027-01-13, 2 days ago; the next "
        "one is due on 2027-01-20\n"
        "  clients   web\n");
    item.until = 0;
    expect_first_line(
        &item, "CRL of CN=My CA: dated 2027-01-13, 2 days ago");
    item.until = NOW - DAY;
    expect_first_line(&item, "CRL of CN=My CA: dated 2027-01-13, 2 days ago; "
        "HAS RUN OUT, on 2027-01-14");
    item.begins = NOW + DAY;
    item.until = 0;
    expect_first_line(&item, "CRL of CN=My CA: dated 2027-01-16, ahead of this "
        "machine's clock");
}

static json_t *
json_of(const struct certs_item *cert, const struct certs_item *crl)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    json_error_t error;
    json_t *whole;

    certs_json_begin(out);
    if (cert != NULL) {
        certs_json_item(cert, true, NOW, out);
        certs_json_item(cert, false, NOW, out);
    }
    certs_json_lists(out);
    if (crl != NULL)
        certs_json_item(crl, true, NOW, out);
    certs_json_left_out(out);
    certs_json_file("/a \"b", "no \n key", true, out);
    certs_json_file("/c", "empty", false, out);
    certs_json_end(7, out);
    fclose(out);
    for (const char *line = text; *line != '\0';
         line += strcspn(line, "\n") + 1)
        cr_assert_lt(strcspn(line, "\n"), CERTS_LINE_MAX);
    whole = json_loads(text, 0, &error);
    cr_assert_not_null(whole, "%s in:\n%s", error.text, text);
    free(text);
    return whole;
}

static void
expect_json(json_t *whole, const char *list, const char *want)
{
    json_t *wanted = json_loads(want, 0, NULL);

    cr_assert_not_null(wanted);
    cr_expect(json_equal(
        json_array_get(json_object_get(whole, list), 0), wanted), "%s:\n%s",
        list, json_dumps(whole, JSON_INDENT(2)));
    json_decref(wanted);
}

Test(certs_text, makes_json_of_all)
{
    const struct certs_item cert = make_cert(), crl = make_crl();
    json_t *whole = json_of(&cert, &crl);

    cr_expect_eq(json_array_size(json_object_get(whole, "certificates")), 2);
    cr_expect_eq(json_integer_value(json_object_get(whole, "omitted")), 7);
    expect_json(whole, "certificates", "{\"subject\": \"CN=web.test\", "
        "\"names\": [\"web.test\", \"*.web.test\"], \"issuer\": \"CN=My CA\", "
        "\"serial\": \"0A1B\", \"key\": \"EC P-256\", \"fingerprint\": \"00ff\", "
        "\"chain\": 2, \"valid_from\": \"2027-01-06T08:00:00Z\", "
        "\"valid_until\": \"2027-02-27T08:00:00Z\", \"days_left\": 43, "
        "\"services_omitted\": 0, \"services\": ["
        "{\"service\": \"web\", \"leg\": \"listen\"}, "
        "{\"service\": \"api\", \"leg\": \"listen\"}, "
        "{\"service\": \"db\", \"leg\": \"connect\"}]}");
    expect_json(whole, "crls", "{\"issuer\": \"CN=My CA\", "
        "\"fingerprint\": \"11\", \"last_update\": \"2027-01-13T08:00:00Z\", "
        "\"next_update\": \"2027-01-20T08:00:00Z\", \"age_days\": 2, "
        "\"services_omitted\": 0, \"services\": ["
        "{\"service\": \"web\", \"leg\": \"listen\"}]}");
    json_decref(whole);
    whole = json_of(NULL, NULL);
    cr_expect_eq(json_array_size(json_object_get(whole, "crls")), 0);
    json_decref(whole);
}

Test(certs_text, names_files_that_are_left_out)
{
    json_t *whole = json_of(NULL, NULL);
    json_t *files = json_object_get(whole, "left_out");
    json_t *first = json_array_get(files, 0);

    cr_assert_eq(json_array_size(files), 2);
    cr_expect_str_eq(json_string_value(json_object_get(first, "file")), "/a \\x22b");
    cr_expect_str_eq(
        json_string_value(json_object_get(first, "why")), "no \\x0a key");
    json_decref(whole);
}

/* A day that has begun is no day that is left. */
Test(certs_text, counts_whole_days)
{
    static const struct { int64_t left; int want; } cases[] = {
        { 2 * DAY, 2 }, { 2 * DAY - 1, 1 }, { 1, 0 }, { 0, 0 }, { -1, -1 },
        { -DAY, -1 }, { -DAY - 1, -2 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct certs_item item = make_cert();
        json_t *whole, *first;

        item.until = NOW + cases[i].left;
        whole = json_of(&item, NULL);
        first = json_array_get(json_object_get(whole, "certificates"), 0);
        cr_expect_eq(json_integer_value(json_object_get(first, "days_left")),
            cases[i].want, "%lld", (long long)cases[i].left);
        json_decref(whole);
    }
}

/* As a trial that was taken over might have it. */
Test(certs_text, bounds_and_escapes_what_it_is_told)
{
    static char wild[1200];
    static struct certs_user many[2000];
    struct certs_item item = make_cert();
    char *text;
    json_t *whole;

    for (size_t i = 0; i < sizeof(wild) - 1; i++)
        wild[i] = i % 5 == 0 ? ',' : i % 5 == 1 ? ' ' : '\x1b';
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = (struct certs_user){
            "\xc3\xa9\"\\\xc3\xa9\"\\\xc3\xa9\"\\\xc3\xa9\"\\", i % 2 == 0 };
    item.subject = item.issuer = item.names = item.key = wild;
    item.users = many;
    item.user_count = COUNT(many);
    text = text_of(&item);
    for (char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
        cr_expect_lt(strcspn(line, "\n"), CERTS_LINE_MAX);
    cr_expect_null(strchr(text, '\x1b'));
    cr_expect_not_null(strstr(text, ", 970 more\n"));
    free(text);
    whole = json_of(&item, NULL);
    item.is_crl = true;
    json_decref(whole);
    whole = json_of(&item, &item);
    json_decref(whole);
}
