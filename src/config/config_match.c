#include "config/config_match.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "config/config_fault.h"
#include "config/config_host.h"
#include "config/config_net.h"
#include "config/config_suggest.h"

enum { ALPN_NAME_MAX = 255, WORD_SIZE = 512 };

static const char *const protocol_names[] = {
    [MATCH_PROTOCOL_TLS] = "tls",
    [MATCH_PROTOCOL_HTTP] = "http",
    [MATCH_PROTOCOL_SSH] = "ssh",
    [MATCH_PROTOCOL_POSTGRESQL] = "postgresql",
    [MATCH_PROTOCOL_RDP] = "rdp",
    [MATCH_PROTOCOL_PROXY] = "proxy",
    [MATCH_PROTOCOL_OTHER] = "other",
};

_Static_assert(COUNT(protocol_names) == MATCH_PROTOCOL_COUNT, "a name each");

const char *
config_match_protocol_name(enum match_protocol protocol)
{
    return protocol_names[protocol];
}

static bool
keep_text(char **field, const char *text, struct fault *fault)
{
    *field = strdup(text);
    return *field != NULL || config_no_memory(fault);
}

static bool
parse_name(struct match_rule *rule, const char *text, struct fault *fault)
{
    bool wild = strncmp(text, "*.", 2) == 0;
    struct host host;

    if (strcmp(text, "-") == 0) {
        rule->kind = MATCH_NAME_NONE;
        return true;
    }
    if (strcmp(text, "*") == 0)
        return config_refuse(fault, "\"sni:*\" would be any name; leave the "
            "word out, or write proto:tls");
    if (strchr(text + (wild ? 2 : 0), '*') != NULL)
        return config_refuse(fault, "\"sni:%s\" has its * where none can be; "
            "it stands for one whole label, the first: sni:*.example.com",
            text);
    if (!config_host_parse(&host, text + (wild ? 2 : 0), fault))
        return false;
    if (host.kind != HOST_NAME)
        return config_refuse(fault, "\"sni:%s\" is an address, and no client "
            "sends one as its server's name; sni:- is one that sends none",
            text);
    rule->kind = wild ? MATCH_NAME_UNDER : MATCH_NAME_IS;
    return keep_text(&rule->name, host.text, fault);
}

static bool
parse_alpn(struct match_rule *rule, const char *text, struct fault *fault)
{
    if (strlen(text) > ALPN_NAME_MAX)
        return config_refuse(fault, "the protocol's name is %zu bytes long; "
            "one has at most %d", strlen(text), ALPN_NAME_MAX);
    for (const char *at = text; *at != '\0'; at++)
        if (*at <= ' ' || *at > '~')
            return config_refuse(fault, "\"alpn:%s\" holds a foreign letter",
                text);
    return keep_text(&rule->alpn, text, fault);
}

static bool
parse_protocol(struct match_rule *rule, const char *text, struct fault *fault)
{
    for (unsigned i = MATCH_PROTOCOL_TLS; i < MATCH_PROTOCOL_COUNT; i++) {
        if (strcmp(protocol_names[i], text) == 0) {
            rule->protocol = i;
            return true;
        }
    }
    return config_refuse(fault, "\"proto:%s\" is not known here; write tls, "
        "http, ssh, postgresql, rdp, proxy, or other for none of these", text);
}

static bool
parse_from(struct match_rule *rule, const char *text, struct fault *fault)
{
    return config_net_parse(&rule->from, "from", text, fault);
}

static bool
has_name_word(const struct match_rule *rule)
{
    return rule->kind != MATCH_NAME_ANY;
}

static bool
has_alpn_word(const struct match_rule *rule)
{
    return rule->alpn != NULL;
}

static bool
has_protocol_word(const struct match_rule *rule)
{
    return rule->protocol != MATCH_PROTOCOL_ANY;
}

static bool
has_from_word(const struct match_rule *rule)
{
    return rule->from.family != AF_UNSPEC;
}

static const struct match_word {
    const char *word;
    bool (*has)(const struct match_rule *rule);
    bool (*parse)(struct match_rule *rule, const char *text,
        struct fault *fault);
} match_words[] = {
    { "sni", has_name_word, parse_name },
    { "alpn", has_alpn_word, parse_alpn },
    { "proto", has_protocol_word, parse_protocol },
    { "from", has_from_word, parse_from },
};

static bool
refuse_word(const char *word, size_t length, struct fault *fault)
{
    char copy[WORD_SIZE];
    struct suggestion meant = { .word = copy };

    snprintf(copy, sizeof(copy), "%.*s", (int)length, word);
    for (size_t i = 0; i < COUNT(match_words); i++)
        config_suggest_consider(&meant, match_words[i].word);
    if (meant.best != NULL)
        return config_refuse(fault, "\"%s\" is no word of a match; did you "
            "mean \"%s:\"?", word, meant.best);
    return config_refuse(fault, "\"%s\" is no word of a match; write "
        "sni:NAME, alpn:NAME, proto:NAME or from:ADDRESS/BITS", word);
}

static bool
parse_match_word(struct match_rule *rule, const char *word, struct fault *fault)
{
    size_t length = strcspn(word, ":");

    for (size_t i = 0; i < COUNT(match_words); i++) {
        const struct match_word *known = &match_words[i];

        if (strlen(known->word) != length || word[length] != ':' ||
            memcmp(known->word, word, length) != 0)
            continue;
        if (word[length + 1] == '\0')
            return config_refuse(fault, "there is nothing after \"%s:\"; "
                "write it without a blank", known->word);
        if (known->has(rule))
            return config_refuse(fault, "\"%s\" is the second %s: of its "
                "line, of which all words must hold; write a listen.match "
                "line for each", word, known->word);
        rule->words++;
        return known->parse(rule, word + length + 1, fault);
    }
    return refuse_word(word, length, fault);
}

static bool
parse_match_words(struct match_rule *rule, const char *text, struct fault *fault)
{
    char word[WORD_SIZE];

    while (*(text += strspn(text, " \t")) != '\0') {
        size_t length = strcspn(text, " \t");

        if (length >= sizeof(word))
            return config_refuse(fault, "a word is %zu bytes long", length);
        memcpy(word, text, length);
        word[length] = '\0';
        if (strchr(word, ',') != NULL)
            return config_refuse(fault, "\"%s\" has a comma; write blanks "
                "between words that must all hold, and a listen.match line for "
                "each of several names", word);
        if (!parse_match_word(rule, word, fault))
            return false;
        text += length;
    }
    return true;
}

/* A server's name and ALPN are TLS's. */
static bool
is_possible_rule(const struct match_rule *rule, struct fault *fault)
{
    if (!has_protocol_word(rule) || rule->protocol == MATCH_PROTOCOL_TLS ||
        (!has_name_word(rule) && !has_alpn_word(rule)))
        return true;
    return config_refuse(fault, "no client is meant by this: only TLS has %s, "
        "and proto:%s is not TLS", has_name_word(rule) ? "sni:" : "alpn:",
        protocol_names[rule->protocol]);
}

static void
clear_rule(struct match_rule *rule)
{
    free(rule->name);
    free(rule->alpn);
    free(rule->text);
}

bool
config_match_add(
    struct match_rules *rules, const char *text, struct fault *fault)
{
    struct match_rule rule = { .words = 0 }, *grown;

    if (!parse_match_words(&rule, text, fault) || !is_possible_rule(&rule, fault) ||
        !keep_text(&rule.text, text, fault)) {
        clear_rule(&rule);
        rules->faulty = true;
        return false;
    }
    grown = reallocarray(rules->items, rules->count + 1, sizeof(*grown));
    if (grown == NULL) {
        clear_rule(&rule);
        return config_no_memory(fault);
    }
    rules->items = grown;
    rules->items[rules->count++] = rule;
    return true;
}

void
config_match_clear(struct match_rules *rules)
{
    for (size_t i = 0; i < rules->count; i++)
        clear_rule(&rules->items[i]);
    free(rules->items);
    *rules = (struct match_rules){ 0 };
}

static int
compare_numbers(unsigned a, unsigned b)
{
    return a < b ? -1 : a > b;
}

/* None is wider than any, those of all addresses too. */
static unsigned
narrowness_of_net(const struct match_net *net)
{
    return net->family == AF_UNSPEC ? 0 : 1 + net->bits;
}

int
config_match_compare(const struct match_rule *a, const struct match_rule *b)
{
    int order = compare_numbers(a->kind, b->kind);

    if (order == 0 && a->name != NULL)
        order = strcmp(a->name, b->name);
    if (order == 0)
        order = compare_numbers(b->words, a->words);
    if (order == 0)
        order = compare_numbers(narrowness_of_net(&b->from), narrowness_of_net(&a->from));
    if (order == 0)
        order = compare_numbers(a->from.family, b->from.family);
    return order != 0 ? order
                      : memcmp(a->from.bytes, b->from.bytes, 16);
}

bool
config_match_holds_address(
    const struct match_net *net, const struct address *address)
{
    struct address plain = *address;
    const struct sockaddr_in *in = (const void *)&plain.storage;
    const struct sockaddr_in6 *in6 = (const void *)&plain.storage;

    if (net->family == AF_UNSPEC)
        return true;
    address_unmap(&plain);
    if (plain.length == 0 || plain.storage.ss_family != net->family)
        return false;
    return config_net_holds(net, net->family, net->family == AF_INET
            ? (const void *)&in->sin_addr
            : (const void *)&in6->sin6_addr);
}
