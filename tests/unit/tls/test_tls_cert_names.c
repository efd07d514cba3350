/* Which certificates have the name that a client asks for. */
#include "tls/tls_cert_names.h"

#include <arpa/inet.h>

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static struct tls_cert_names table;

static void
clear_table(void)
{
    tls_cert_names_clear(&table);
}

TestSuite(tls_cert_names, .fini = clear_table);

static void
add_host(const char *name, uint32_t cert)
{
    cr_assert(tls_cert_names_add_host(&table, name, strlen(name), cert));
}

static void
add_address(const char *text, uint32_t cert)
{
    unsigned char bytes[16];
    bool is_4 = inet_pton(AF_INET, text, bytes) == 1;

    cr_assert(is_4 || inet_pton(AF_INET6, text, bytes) == 1);
    cr_assert(
        tls_cert_names_add_address(&table, bytes, is_4 ? 4 : 16, cert));
}

/* The certificates as one text: "0 2 / 1", exact ones in front of the slash. */
static const char *
found_for(const char *name)
{
    static char text[256];
    struct tls_cert_found found;
    bool any = tls_cert_names_find(&table, name, &found);
    int length = 0;

    for (size_t i = 0; i < found.exact_count; i++)
        length += sprintf(text + length, "%u ", found.exact[i].cert);
    length += sprintf(text + length, "/");
    for (size_t i = 0; i < found.wildcard_count; i++)
        length += sprintf(text + length, " %u", found.wildcard[i].cert);
    cr_expect_eq(any, length > 1);
    return text;
}

Test(tls_cert_names, finds_as_clients_compare)
{
    static const struct { const char *asked, *found; } cases[] = {
        { "a.example", "0 5 / 2" },
        { "A.eXample", "0 5 / 2" },
        { "a.example.", "0 5 / 2" },
        { "a.example..", "/" },
        { ".a.example", "/" },
        { "", "/" },
        { ".", "/" },
        { "example", "/" },
        { "b.example", "1 / 2" },
        { "c.example", "/ 2" },
        { "c.EXAMPLE.", "/ 2" },
        { "x.c.example", "/ 3" },
        { "y.x.c.example", "/" },
        { "c.example.org", "/" },
        { ".example", "/" },
        { "*.example", "/" },
        { "*", "/" },
        { "localhost", "4 /" },
        { "caf\xc3\xa9.example", "/" },
        { "xn--caf-dma.example", "/ 2" },
        { "a_b.example", "/ 2" },
        { "a b.example", "/" },
        { "mail.f.example", "/" },
        { "192.0.2.1", "6 /" },
        { "192.0.2.1.", "6 /" },
        { "192.0.2.2", "/" },
        { "2001:db8::1", "6 /" },
        { "2001:DB8:0:0:0::1", "6 /" },
        { "192.000.002.001", "/" },
        { "0.2.1", "/" },
        { "1.0.2.1", "/" },
    };

    cr_expect_str_eq(found_for("a.example"), "/", "of an empty table");
    add_host("b.example", 1);
    add_host("*.EXAMPLE.", 2);
    add_host("a.Example", 5);
    add_host("a.example", 0);
    add_host("a.example.", 0);
    add_host("*.c.example", 3);
    add_host("LocalHost", 4);
    add_address("192.0.2.1", 6);
    add_address("2001:db8::1", 6);
    tls_cert_names_sort(&table);
    for (size_t i = 0; i < COUNT(cases); i++)
        cr_expect_str_eq(found_for(cases[i].asked), cases[i].found,
            "\"%s\": %s", cases[i].asked, found_for(cases[i].asked));
}

/* No text that a client may ask for finds these. */
Test(tls_cert_names, passes_over_what_is_no_host)
{
    static const struct { const char *name; size_t length; } cases[] = {
        { "", 0 }, { ".", 1 }, { "*", 1 }, { "*.", 2 }, { "*..", 3 },
        { "f*.example", 10 }, { "*f.example", 10 }, { "a.*.example", 11 },
        { "*.*.example", 11 }, { "**.example", 10 }, { ".example", 8 },
        { "a.example\0.b", 12 }, { "a b", 3 }, { "a\n", 2 }, { "\x7f", 1 },
        { "caf\xc3\xa9", 5 },
    };
    static const unsigned char address[17];
    static char longest[TLS_HOST_MAX + 2];

    for (size_t i = 0; i < COUNT(cases); i++) {
        cr_assert(tls_cert_names_add_host(
            &table, cases[i].name, cases[i].length, 0));
        cr_expect_eq(table.count, 0, "%zu: %s", i, cases[i].name);
    }
    for (size_t length = 0; length <= sizeof(address); length++)
        cr_assert(tls_cert_names_add_address(&table, address, length, 0));
    cr_expect_eq(table.count, 2);
    memset(longest, 'a', sizeof(longest) - 1);
    cr_assert(
        tls_cert_names_add_host(&table, longest, TLS_HOST_MAX + 1, 0));
    cr_expect_eq(table.count, 2);
    cr_assert(tls_cert_names_add_host(&table, longest, TLS_HOST_MAX, 0));
    cr_expect_eq(table.count, 3);
    tls_cert_names_sort(&table);
    cr_expect_str_eq(found_for(longest), "/");
    longest[TLS_HOST_MAX] = '\0';
    cr_expect_str_eq(found_for(longest), "0 /");
}

Test(tls_cert_names, tells_how_many_have_a_name)
{
    add_host("b.example", 2);
    add_host("a.example", 0);
    add_host("b.example", 0);
    add_host("b.example", 1);
    add_host("b.example", 1);
    tls_cert_names_sort(&table);
    cr_assert_eq(table.count, 4);
    cr_expect_eq(tls_cert_names_run(&table, 0), 1);
    cr_expect_eq(tls_cert_names_run(&table, 1), 3);
    cr_expect_eq(tls_cert_names_run(&table, 3), 1);
}

/* What follows compares the table with a plain model of it. */

enum { CERTS = 40, ASKED = 10000, LABELS_MAX = 4 };

static char models[CERTS][64];

static const char *
random_label(void)
{
    static const char *const labels[] = { "a", "B", "c", "dd", "x-1" };

    return labels[(size_t)rand() % COUNT(labels)];
}

static void
random_name(char *name, bool may_be_wild)
{
    int labels = 1 + rand() % LABELS_MAX, length = 0;

    for (int i = 0; i < labels; i++)
        length += sprintf(name + length, "%s%s", i > 0 ? "." : "",
            i == 0 && may_be_wild && rand() % 3 == 0 ? "*" : random_label());
    if (rand() % 8 == 0)
        sprintf(name + length, ".");
}

/* 2: exactly, 1: by a wildcard. */
static int
model_matches(const char *pattern, const char *name)
{
    size_t length = strlen(pattern), asked = strlen(name);
    const char *dot = strchr(name, '.');

    length -= pattern[length - 1] == '.';
    asked -= name[asked - 1] == '.';
    if (strcmp(pattern, "*") == 0 || strcmp(pattern, "*.") == 0)
        return 0;
    if (pattern[0] != '*')
        return length == asked && strncasecmp(pattern, name, length) == 0
            ? 2 : 0;
    if (dot == NULL || (size_t)(dot - name) >= asked)
        return 0;
    asked -= (size_t)(dot - name);
    return length - 1 == asked && strncasecmp(pattern + 1, dot, asked) == 0;
}

static const char *
model_for(const char *name)
{
    static char text[512];
    int length = 0;

    for (int i = 0; i < CERTS; i++)
        if (model_matches(models[i], name) == 2)
            length += sprintf(text + length, "%d ", i);
    length += sprintf(text + length, "/");
    for (int i = 0; i < CERTS; i++)
        if (model_matches(models[i], name) == 1)
            length += sprintf(text + length, " %d", i);
    return text;
}

Test(tls_cert_names, finds_what_a_plain_model_finds)
{
    char asked[64];

    for (unsigned seed = 1; seed <= 10; seed++) {
        srand(seed);
        tls_cert_names_clear(&table);
        for (uint32_t i = 0; i < CERTS; i++) {
            random_name(models[i], true);
            add_host(models[i], i);
        }
        tls_cert_names_sort(&table);
        for (int i = 0; i < ASKED / 10; i++) {
            random_name(asked, false);
            cr_assert_str_eq(found_for(asked), model_for(asked),
                "seed %u: %s: %s, not %s", seed, asked, found_for(asked),
                model_for(asked));
        }
    }
}
