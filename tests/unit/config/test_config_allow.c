#include "config/config_allow.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/base.h"
#include "config/config_fault.h"

#define PIN "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static struct fault fault;

static bool
add(struct allow_rules *rules, const char *text)
{
    return config_allow_add(rules, text, &fault);
}

Test(config_allow, takes_words_of_a_line)
{
    static const struct {
        const char *text;
        enum allow_kind kind[3];
        const char *value[3];
        size_t count;
    } cases[] = {
        { "cn:app", { ALLOW_CN }, { "app" }, 1 },
        { "  cn:app\t ou:web ", { ALLOW_CN, ALLOW_OU }, { "app", "web" }, 2 },
        { "cn:\"John Smith\" dns:A.Example.", { ALLOW_CN, ALLOW_DNS },
            { "John Smith", "a.example" }, 2 },
        { "\"cn:John Smith\"", { ALLOW_CN }, { "John Smith" }, 1 },
        { "dns:*.a.example", { ALLOW_DNS }, { "*.a.example" }, 1 },
        { "uri:spiffe://td/ns/*/sa/web uri:spiffe://td/**",
            { ALLOW_URI, ALLOW_URI },
            { "spiffe://td/ns/*/sa/web", "spiffe://td/**" }, 2 },
        { "email:a@b email:*@B.example", { ALLOW_EMAIL, ALLOW_EMAIL },
            { "a@b", "*@B.example" }, 2 },
        { "spki:" PIN " issuer:spki:" PIN, { ALLOW_SPKI, ALLOW_ISSUER },
            { PIN, PIN }, 2 },
        { "ip:10.0.0.0/8 ip:2001:db8::1", { ALLOW_IP, ALLOW_IP },
            { "10.0.0.0/8", "2001:db8::1" }, 2 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct allow_rules rules = { .count = 0 };

        cr_assert(add(&rules, cases[i].text), "%s", fault.text);
        cr_assert_eq(rules.count, 1);
        cr_expect_str_eq(rules.items[0].text, cases[i].text);
        cr_assert_eq(rules.items[0].count, cases[i].count);
        for (size_t j = 0; j < cases[i].count; j++) {
            const struct allow_word *word = &rules.items[0].words[j];

            cr_expect_eq(word->kind, cases[i].kind[j]);
            cr_expect_str_eq(word->value, cases[i].value[j]);
        }
        config_allow_clear(&rules);
        cr_expect_eq(rules.count, 0);
    }
}

Test(config_allow, refuses_what_it_cannot_mean)
{
    static char long_word[2300] = "cn:";
    const struct { const char *text, *said; } cases[] = {
        { "app", "\"app\" is none of cn:NAME, ou:NAME, dns:NAME" },
        { "CN=app", "is none of cn:NAME" },
        { "san:a", "is none of" },
        { "cn:", "there is nothing behind \"cn:\"" },
        { "cn:a dns:", "there is nothing behind \"dns:\"" },
        { "cn:\"a b", "a '\"' is not closed" },
        { "dns:a*", "is no name: write dns:NAME, or dns:*.NAME" },
        { "dns:*", "is no name" },
        { "dns:*.", "is no name" },
        { "dns:*.*.a", "is no name" },
        { "dns:a/b", "is no name" },
        { "dns:.a", "is no name" },
        { "uri:spiffe://td/we*", "write * for one whole segment" },
        { "uri:spiffe://td/**/x", "write * for one whole segment" },
        { "uri:spiffe://td/***", "write * for one whole segment" },
        { "uri:*", "write * for one whole segment" },
        { "uri:/ns/web", "is no URI: write its scheme too" },
        { "email:a", "is no address: write email:MAILBOX@HOST" },
        { "email:@b", "is no address" },
        { "email:a@", "is no address" },
        { "email:a@b@c", "is no address" },
        { "email:a*@b", "is no address" },
        { "email:a@*", "is no address" },
        { "spki:abc", "is no digest of a public key: write spki:sha256/" },
        { "spki:sha256/abc=", "is no digest" },
        { "spki:sha1/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "is no digest" },
        { "spki:sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=",
            "is no digest" },
        { "issuer:" PIN, "is none of" },
        { "ip:10.0.0.0/33", "\"ip:10.0.0.0/33\" has no number of bits from 0 "
            "to 32" },
        { "ip:10.0.0.1/8", "has more to its address than 8 bits; write "
            "ip:10.0.0.0/8" },
        { "ip:a.example", "is no network; write an address" },
        { "ip:::ffff:10.0.0.0/104", "is a network of IPv4" },
        { "cn:John Smith", "stands in quotes: \"cn:a b\"" },
        { "ou:a ou:John Smith", "stands in quotes: \"cn:a b\"" },
        { long_word, "a word has more than 2199 bytes" },
    };
    struct allow_rules rules = { .count = 0 };

    memset(long_word + 3, 'x', sizeof(long_word) - 4);
    for (size_t i = 0; i < COUNT(cases); i++) {
        cr_expect_not(add(&rules, cases[i].text), "%s", cases[i].text);
        cr_expect_not_null(strstr(fault.text, cases[i].said), "%s: %s",
            cases[i].text, fault.text);
        cr_expect_eq(rules.count, 0);
    }
    config_allow_clear(&rules);
}

Test(config_allow, is_true_of_names)
{
    static const struct {
        const char *line, *name;
        bool is;
    } cases[] = {
        { "cn:app", "app", true },
        { "cn:app", "App", false },
        { "cn:app", "app2", false },
        { "cn:app", "", false },
        { "ou:a b", NULL, false },
        { "dns:a.example", "a.example", true },
        { "dns:a.example", "A.EXAMPLE.", true },
        { "dns:a.example", "b.a.example", false },
        { "dns:*.a.example", "b.a.example", true },
        { "dns:*.a.example", "B.A.Example", true },
        { "dns:*.a.example", "a.example", false },
        { "dns:*.a.example", ".a.example", false },
        { "dns:*.a.example", "c.b.a.example", false },
        { "dns:*.a.example", "ba.example", false },
        { "dns:*.a.example", "*.a.example", false },
        { "dns:*.a.example", "a b/,\n.a.example", false },
        { "uri:spiffe://td/ns/web", "spiffe://td/ns/web", true },
        { "uri:spiffe://td/ns/web", "spiffe://td/ns/web/", false },
        { "uri:spiffe://td/ns/web", "spiffe://TD/ns/web", false },
        { "uri:spiffe://td/ns/*/web", "spiffe://td/ns/a/web", true },
        { "uri:spiffe://td/ns/*/web", "spiffe://td/ns//web", false },
        { "uri:spiffe://td/ns/*/web", "spiffe://td/ns/a/b/web", false },
        { "uri:spiffe://td/ns/*/web", "spiffe://td/ns/a/web/x", false },
        { "uri:spiffe://td/ns/*", "spiffe://td/ns/a", true },
        { "uri:spiffe://td/ns/*", "spiffe://td/ns/", false },
        { "uri:spiffe://td/ns/*", "spiffe://td/ns", false },
        { "uri:spiffe://td/**", "spiffe://td/a", true },
        { "uri:spiffe://td/**", "spiffe://td/a/b/c", true },
        { "uri:spiffe://td/**", "spiffe://td/a/", false },
        { "uri:spiffe://td/**", "spiffe://td/a/../b", false },
        { "uri:spiffe://td/**", "spiffe://td/..", false },
        { "uri:spiffe://td/**", "spiffe://td/...", true },
        { "uri:spiffe://td/ns/*/web", "spiffe://td/ns/../web", false },
        { "uri:spiffe://td/ns/*/web", "spiffe://td/ns/./web", false },
        { "uri:spiffe://td/ns/*/web", "spiffe://td/ns/.a/web", true },
        { "uri:spiffe://td/**", "spiffe://td/", false },
        { "uri:spiffe://td/**", "spiffe://td", false },
        { "uri:spiffe://td/**", "spiffe://td2/a", false },
        { "email:a@b.example", "a@B.Example", true },
        { "email:a@b.example", "A@b.example", false },
        { "email:a@b.example", "a@b.example.org", false },
        { "email:*@b.example", "anyone@b.example", true },
        { "email:*@b.example", "@b.example", false },
        { "email:*@b.example", "b.example", false },
        { "email:*@b.example", "a@b@c.example", false },
        { "spki:" PIN, PIN, false },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct allow_rules rules = { .count = 0 };
        const char *name = cases[i].name != NULL ? cases[i].name : "a b";

        if (!add(&rules, cases[i].line)) {
            cr_expect_null(cases[i].name, "%s", fault.text);
            config_allow_clear(&rules);
            continue;
        }
        cr_expect_eq(config_allow_matches(&rules.items[0].words[0], name,
                         strlen(name)), cases[i].is, "%s, %s", cases[i].line,
            name);
        config_allow_clear(&rules);
    }
}

/* As they stand in a certificate. */
Test(config_allow, is_true_of_addresses_in_a_network)
{
    static const struct {
        const char *line, *bytes;
        size_t length;
        bool is;
    } cases[] = {
        { "ip:10.0.0.0/8", "\x0a\1\2\3", 4, true },
        { "ip:10.0.0.0/8", "\x0b\1\2\3", 4, false },
        { "ip:10.0.0.0/8", "\x0a\1\2\3" "0123456789ab", 16, false },
        { "ip:10.0.0.0/8", "\x0a\1\2\3\xff\xff\xff\xff", 8, false },
        { "ip:10.0.0.0/8", "", 0, false },
        { "ip:10.1.2.3", "\x0a\1\2\3", 4, true },
        { "ip:10.1.2.3", "\x0a\1\2\4", 4, false },
        { "ip:0.0.0.0/0", "\x0a\1\2\3", 4, true },
        { "ip:2001:db8::/32", "\x20\1\x0d\xb8" "0123456789ab", 16, true },
        { "ip:2001:db8::/32", "\x20\1\x0d\xb9" "0123456789ab", 16, false },
        { "ip:2001:db8::/32", "\x20\1\x0d\xb8", 4, false },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct allow_rules rules = { .count = 0 };

        cr_assert(add(&rules, cases[i].line), "%s", fault.text);
        cr_expect_eq(config_allow_matches(&rules.items[0].words[0],
            cases[i].bytes, cases[i].length), cases[i].is, "%zu", i);
        config_allow_clear(&rules);
    }
}

/* A name may hold any byte. */
Test(config_allow, is_not_true_of_a_part_of_a_name)
{
    struct allow_rules rules = { .count = 0 };

    cr_assert(add(&rules, "cn:app dns:a.example uri:spiffe://td/* "
        "email:a@b.example"));
    cr_expect_not(config_allow_matches(&rules.items[0].words[0], "app\0x", 5));
    cr_expect_not(config_allow_matches(
        &rules.items[0].words[1], "a.example\0.evil", 15));
    cr_expect_not(config_allow_matches(
        &rules.items[0].words[3], "a@b.example\0", 12));
    config_allow_clear(&rules);
}
