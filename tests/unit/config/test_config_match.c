#include "config/config_match.h"

#include <string.h>

#include <criterion/criterion.h>

#include "base/address.h"
#include "config/config_fault.h"

static const char *const good[] = {
    "sni:a.example",
    "sni:*.a.example",
    "sni:*.local",
    "sni:-",
    "alpn:h2",
    "alpn:acme-tls/1",
    "alpn:-",
    "proto:tls sni:a.example alpn:h2 from:10.0.0.0/8",
    "proto:tls   sni:-",
    "proto:postgresql",
    "proto:other from:::1",
    "from:192.0.2.1",
    "from:0.0.0.0/0",
    "from:::/0",
    "from:2001:db8::/32",
    "from:10.128.0.0/9",
};

static const struct {
    const char *text, *fault;
} bad[] = {
    { "a.example", "\"a.example\" is no word of a match; write sni:NAME, "
                   "alpn:NAME, proto:NAME or from:ADDRESS/BITS" },
    { "snii:a.example", "did you mean \"sni:\"?" },
    { "SNI:a.example", "did you mean \"sni:\"?" },
    { "protocol:tls", "is no word of a match" },
    { "sni", "did you mean \"sni:\"?" },
    { "sni: a.example", "nothing after \"sni:\"; write it without a blank" },
    { "sni:a,b", "\"sni:a,b\" has a comma; write blanks between words that "
        "must all hold, and a listen.match line for each of several names" },
    { "sni:a, alpn:h2", "\"sni:a,\" has a comma; write blanks" },
    { "from:10.0.0.0/8,192.168.0.0/16", "has a comma" },
    { "sni:a.example.", "ends in a dot; leave it out" },
    { "sni:*", "would be any name; leave the word out, or write proto:tls" },
    { "sni:*a.example", "stands for one whole label, the first" },
    { "sni:a.*.example", "stands for one whole label, the first" },
    { "sni:*.*.example", "stands for one whole label, the first" },
    { "sni:*.", "the host is missing" },
    { "sni:192.0.2.1", "is an address, and no client sends one" },
    { "sni:::1", "is an address, and no client sends one" },
    { "sni:a.example sni:b.example", "\"sni:b.example\" is the second sni: of "
        "its line, of which all words must hold; write a listen.match line "
        "for each" },
    { "alpn:h2,http/1.1", "\"alpn:h2,http/1.1\" has a comma; write blanks" },
    { "alpn:h2 alpn:http/1.1", "is the second alpn:" },
    { "alpn:h\303\274", "holds a foreign letter" },
    { "proto:https", "\"proto:https\" is not known here; write tls, http, ssh, "
                     "postgresql, rdp, proxy, or other" },
    { "proto:ssh sni:a.example", "only TLS has sni:, and proto:ssh is not" },
    { "alpn:h2 proto:http", "only TLS has alpn:, and proto:http is not" },
    { "sni:- proto:other", "only TLS has sni:" },
    { "from:a.example", "is no network; write an address" },
    { "from:10.0.0.0/33", "no number of bits from 0 to 32 after the '/'" },
    { "from:10.0.0.0/", "no number of bits from 0 to 32" },
    { "from:10.0.0.0/8/8", "no number of bits from 0 to 32" },
    { "from:::/129", "no number of bits from 0 to 128" },
    { "from:10.0.0.1/8", "more to its address than 8 bits; write "
                         "from:10.0.0.0/8" },
    { "from:10.128.0.0/8", "write from:10.0.0.0/8" },
    { "from:2001:db8::1/32", "write from:2001:db8::/32" },
    { "from:::ffff:10.0.0.0/104", "is a network of IPv4" },
    { "from:10.0.0.0/8 from:192.0.2.0/24", "is the second from:" },
};

Test(config_match, takes_its_words)
{
    struct match_rules rules = { 0 };
    struct fault fault;

    for (size_t i = 0; i < COUNT(good); i++)
        cr_expect(config_match_add(&rules, good[i], &fault), "%s: %s", good[i],
            fault.text);
    cr_expect_eq(rules.count, COUNT(good));
    cr_expect_not(rules.faulty);
    config_match_clear(&rules);
}

Test(config_match, says_what_is_wrong_with_a_line)
{
    struct match_rules rules = { 0 };

    for (size_t i = 0; i < COUNT(bad); i++) {
        struct fault fault = { .text = "" };

        cr_expect_not(config_match_add(&rules, bad[i].text, &fault), "%s",
            bad[i].text);
        cr_expect_not_null(strstr(fault.text, bad[i].fault),
            "%s\nsays:   %s\nshould: %s", bad[i].text, fault.text,
            bad[i].fault);
    }
    cr_expect_eq(rules.count, 0);
    cr_expect(rules.faulty);
    config_match_clear(&rules);
}

Test(config_match, tells_what_lies_in_a_network)
{
    static const struct { const char *net, *host; bool in; } cases[] = {
        { "from:10.0.0.0/8", "10.0.0.0", true },
        { "from:10.0.0.0/8", "10.255.255.255", true },
        { "from:10.0.0.0/8", "11.0.0.0", false },
        { "from:10.0.0.0/8", "9.255.255.255", false },
        { "from:10.0.0.0/8", "::ffff:10.1.2.3", true },
        { "from:10.0.0.0/8", "a00::", false },
        { "from:192.0.2.128/25", "192.0.2.127", false },
        { "from:192.0.2.128/25", "192.0.2.128", true },
        { "from:192.0.2.1", "192.0.2.1", true },
        { "from:192.0.2.1", "192.0.2.0", false },
        { "from:0.0.0.0/0", "192.0.2.0", true },
        { "from:0.0.0.0/0", "::1", false },
        { "from:::/0", "::1", true },
        { "from:::/0", "192.0.2.0", false },
        { "from:2001:db8:8000::/33", "2001:db8:8000::1", true },
        { "from:2001:db8:8000::/33", "2001:db8:7fff::1", false },
        { "proto:tls", "192.0.2.0", true },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct match_rules rules = { 0 };
        struct address host;
        struct fault fault;

        cr_assert(config_match_add(&rules, cases[i].net, &fault));
        cr_assert(address_from_numeric(&host, cases[i].host, 80));
        cr_expect_eq(
            config_match_holds_address(&rules.items[0].from, &host),
            cases[i].in, "%s, %s", cases[i].net, cases[i].host);
        config_match_clear(&rules);
    }
}

/* A unix socket's client has no address. */
Test(config_match, finds_no_address_where_there_is_none)
{
    struct match_rules rules = { 0 };
    struct address none = { .length = 0 };
    struct fault fault;

    cr_assert(config_match_add(&rules, "from:0.0.0.0/0", &fault));
    cr_expect_not(config_match_holds_address(&rules.items[0].from, &none));
    config_match_clear(&rules);
}
