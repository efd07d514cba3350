#include "tls/tls_ticket_secrets.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/base.h"
#include "config/config_fault.h"

#define GOOD "0123456789abcdefghijklmnopqrstuv"
#define OTHER "vutsrqponmlkjihgfedcba9876543210+/="

static struct tls_ticket_secrets secrets;
static struct fault fault;

static bool
parse(const char *text)
{
    return tls_ticket_secrets_parse(text, strlen(text), &secrets, &fault);
}

Test(tls_ticket_secrets, are_one_or_two_lines)
{
    static const struct { const char *text; unsigned count; } cases[] = {
        { GOOD, 1 },
        { GOOD "\n", 1 },
        { GOOD "\r\n", 1 },
        { "\n\n" GOOD "\n\n", 1 },
        { GOOD "\n" OTHER, 2 },
        { GOOD "\r\n\r\n" OTHER "\r\n", 2 },
    };
    struct tls_secret first;

    cr_assert(parse(GOOD));
    first = secrets.items[0];
    for (size_t i = 0; i < COUNT(cases); i++) {
        cr_assert(parse(cases[i].text), "%zu: %s", i, fault.text);
        cr_expect_eq(secrets.count, cases[i].count, "%zu", i);
        cr_expect_arr_eq(
            secrets.items[0].bytes, first.bytes, sizeof(first.bytes));
    }
    cr_assert(parse(OTHER "\n" GOOD));
    cr_expect_arr_eq(
        secrets.items[1].bytes, first.bytes, sizeof(first.bytes));
    cr_expect_neq(memcmp(secrets.items[0].bytes, first.bytes,
        sizeof(first.bytes)), 0);
}

Test(tls_ticket_secrets, are_refused_with_advice)
{
    static char long_line[TLS_TICKET_LINE_MOST + 2];
    const struct { const char *text, *said; } cases[] = {
        { "", "is empty; make it with: openssl rand -base64 48" },
        { "\n\r\n", "is empty" },
        { "short", "line 1 has 5 bytes, and should have 32 to 1024" },
        { GOOD "\nshort", "line 2 has 5 bytes" },
        { "0123456789abcdefghijklmnopqrstu", "line 1 has 31 bytes" },
        { "0123456789 abcdefghijklmnopqrstuv", "line 1 holds blanks" },
        { "0123456789\tabcdefghijklmnopqrstuv", "line 1 holds blanks" },
        { "\xc3\x28" GOOD, "line 1 holds blanks or bytes" },
        { GOOD "\n" OTHER "\n" GOOD, "has more than 2 lines" },
        { long_line, "line 1 has 1025 bytes" },
    };

    memset(long_line, 'x', sizeof(long_line) - 1);
    for (size_t i = 0; i < COUNT(cases); i++) {
        cr_expect_not(parse(cases[i].text), "%zu", i);
        cr_expect_not_null(
            strstr(fault.text, cases[i].said), "%zu: %s", i, fault.text);
    }
    cr_expect_not(tls_ticket_secrets_parse(
        "0123456789\0" "0123456789abcdefghijklmnopqrstuv", 43, &secrets,
        &fault));
}
