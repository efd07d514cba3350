#include "config/match_ties.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/address.h"
#include "config/config_match.h"
#include "config/match_table.h"

/*
 * Only lines of one name, number of words and network can tie.  What two of them
 * leave open is gone through: which name, which protocol, and which address.  A
 * more specific line takes some of that away, and where its network begins and
 * ends is where another client may be found: so those places are all that need be
 * looked at.
 */

enum { OFFERS_SIZE = 2 * 256, NAME_SIZE = 256 };

struct tie_search {
    const struct match_table *table;
    const struct match_entry *a, *b;
    enum match_protocol protocol; /* ANY: left open */
    bool is_tls;                  /* it has to be */
    struct client_hello hello;    /* offers what both ask for */
    uint8_t offers[OFFERS_SIZE];
    struct match_client client;   /* that is being tried */
};

static void
add_offer(struct tie_search *search, const char *alpn)
{
    size_t length = alpn != NULL ? strlen(alpn) : 0;
    uint8_t *at = search->offers + search->hello.alpn.size;

    if (alpn == NULL || client_hello_offers(&search->hello, alpn))
        return;
    at[0] = (uint8_t)length;
    for (size_t i = 0; i < length; i++)
        at[1 + i] = (uint8_t)alpn[i];
    search->hello.alpn.bytes = search->offers;
    search->hello.alpn.size += 1 + length;
}

/* False: no client has both lines. */
static bool
begin_search(struct tie_search *search, const struct match_table *table,
    const struct match_entry *a, const struct match_entry *b)
{
    const struct match_rule *one = a->rule, *other = b->rule;

    memset(search, 0, sizeof(*search));
    search->table = table;
    search->a = a;
    search->b = b;
    if (one->protocol != MATCH_PROTOCOL_ANY &&
        other->protocol != MATCH_PROTOCOL_ANY &&
        one->protocol != other->protocol)
        return false;
    search->protocol = one->protocol != MATCH_PROTOCOL_ANY ? one->protocol
                                                           : other->protocol;
    search->is_tls = one->kind != MATCH_NAME_ANY || one->alpn != NULL ||
        other->alpn != NULL;
    if (search->is_tls && search->protocol == MATCH_PROTOCOL_ANY)
        search->protocol = MATCH_PROTOCOL_TLS;
    if (search->is_tls && search->protocol != MATCH_PROTOCOL_TLS)
        return false;
    add_offer(search, one->alpn);
    add_offer(search, other->alpn);
    return true;
}

static bool
ties_at(struct tie_search *search, const struct address *from)
{
    const struct match_entry *found, *rival;

    if (!config_match_holds_address(&search->a->rule->from, from))
        return false;
    search->client.from = *from;
    found = match_table_find(search->table, &search->client, &rival);
    return rival != NULL &&
        config_match_compare(found->rule, search->a->rule) == 0;
}

static struct address
make_address(sa_family_t family, const uint8_t *bytes)
{
    struct address made = { .length = 0 };
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

    if (family == AF_INET) {
        memcpy(&in.sin_addr, bytes, 4);
        memcpy(&made.storage, &in, sizeof(in));
        made.length = sizeof(in);
    } else if (family == AF_INET6) {
        memcpy(&in6.sin6_addr, bytes, 16);
        memcpy(&made.storage, &in6, sizeof(in6));
        made.length = sizeof(in6);
    }
    return made;
}

/* Adds 1 or -1, perhaps past the end, where it begins anew. */
static void
step_bytes(uint8_t *bytes, size_t size, int by)
{
    for (size_t i = size; i-- > 0;) {
        bytes[i] = (uint8_t)(bytes[i] + by);
        if (bytes[i] != (by > 0 ? 0 : 0xff))
            return;
    }
}

/* The last address of the network. */
static void
fill_behind_bits(const struct match_net *net, uint8_t *bytes, size_t size)
{
    memcpy(bytes, net->bytes, size);
    for (size_t i = net->bits / 8; i < size; i++)
        bytes[i] |=
            (uint8_t)(i == net->bits / 8 ? 0xff >> net->bits % 8 : 0xff);
}

/* The ends of the network, and what lies next to them. */
static bool
ties_around(struct tie_search *search, const struct match_net *net)
{
    size_t size = net->family == AF_INET ? 4 : 16;
    uint8_t ends[4][16];
    bool found = false;

    memcpy(ends[0], net->bytes, size);
    fill_behind_bits(net, ends[1], size);
    memcpy(ends[2], ends[1], size);
    step_bytes(ends[2], size, 1);
    memcpy(ends[3], ends[0], size);
    step_bytes(ends[3], size, -1);
    for (size_t i = 0; i < 4 && !found; i++) {
        struct address from = make_address(net->family, ends[i]);

        found = ties_at(search, &from);
    }
    return found;
}

/* Whatever the client's address is. */
static bool
ties_anywhere(struct tie_search *search)
{
    static const uint8_t v4[4] = { 192, 0, 2, 1 };
    static const uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
    const struct address usual[] = { make_address(AF_INET, v4),
        make_address(AF_INET6, v6), make_address(AF_UNSPEC, NULL) };

    for (size_t i = 0; i < COUNT(usual); i++)
        if (ties_at(search, &usual[i]))
            return true;
    for (size_t i = 0; i < search->table->count; i++) {
        const struct match_net *net = &search->table->entries[i].rule->from;

        if (net->family != AF_UNSPEC && ties_around(search, net))
            return true;
    }
    return false;
}

static bool
ties_with_hello(struct tie_search *search, const char *name)
{
    search->client.hello = &search->hello;
    search->client.protocol = MATCH_PROTOCOL_TLS;
    snprintf(search->client.name, sizeof(search->client.name), "%s", name);
    return ties_anywhere(search);
}

/* A name under the parent that no line has exactly; unless it is a wildcard's, none
 * has it under one either. */
static bool
ties_under(struct tie_search *search, const char *parent, bool wild)
{
    char name[NAME_SIZE];
    size_t i = 0;

    do
        if (i == 0)
            snprintf(name, sizeof(name), "www.%.240s", parent);
        else
            snprintf(name, sizeof(name), "www%zu.%.230s", i, parent);
    while (i++ <= search->table->count &&
        match_table_has_name(search->table, name, !wild));
    return ties_with_hello(search, name);
}

static bool
ties_with_tls(struct tie_search *search)
{
    const struct match_rule *rule = search->a->rule;

    switch (rule->kind) {
    case MATCH_NAME_IS:
        return ties_with_hello(search, rule->name);
    case MATCH_NAME_UNDER:
        return ties_under(search, rule->name, true);
    case MATCH_NAME_NONE:
        return ties_with_hello(search, "");
    case MATCH_NAME_ANY:
        break;
    }
    return ties_under(search, "invalid", false) ||
        ties_with_hello(search, "");
}

static bool
ties_with_protocol(struct tie_search *search, enum match_protocol protocol)
{
    if (protocol == MATCH_PROTOCOL_TLS)
        return ties_with_tls(search);
    search->client.hello = NULL;
    search->client.protocol = protocol;
    search->client.name[0] = '\0';
    return ties_anywhere(search);
}

static bool
find_tie(struct tie_search *search)
{
    if (search->protocol != MATCH_PROTOCOL_ANY)
        return ties_with_protocol(search, search->protocol);
    for (unsigned i = MATCH_PROTOCOL_TLS; i < MATCH_PROTOCOL_COUNT; i++)
        if (ties_with_protocol(search, i))
            return true;
    return ties_with_protocol(search, MATCH_PROTOCOL_ANY);
}

static const char *
describe_spoken(enum match_protocol protocol, char *text, size_t size)
{
    if (protocol == MATCH_PROTOCOL_TLS)
        return "a TLS client";
    if (protocol == MATCH_PROTOCOL_ANY)
        return "a client that says nothing";
    if (protocol == MATCH_PROTOCOL_OTHER)
        return "a client of another protocol";
    snprintf(text, size, "a client that speaks %s",
        config_match_protocol_name(protocol));
    return text;
}

/* Where the lines ask for it. */
static void
describe_from(const struct tie_search *search, char *text, size_t size)
{
    const struct address *from = &search->client.from;
    const struct sockaddr_in *in = (const void *)&from->storage;
    const struct sockaddr_in6 *in6 = (const void *)&from->storage;
    char host[INET6_ADDRSTRLEN];
    sa_family_t family = search->a->rule->from.family;

    text[0] = '\0';
    if (family != AF_UNSPEC && inet_ntop(family, family == AF_INET
            ? (const void *)&in->sin_addr
            : (const void *)&in6->sin6_addr, host, sizeof(host)) != NULL)
        snprintf(text, size, " from %s", host);
}

static void
describe_offers(const struct tie_search *search, char *text, size_t size)
{
    const char *one = search->a->rule->alpn, *other = search->b->rule->alpn;

    text[0] = '\0';
    if (one != NULL && other != NULL && strcmp(one, other) != 0)
        snprintf(text, size, " and offers both %s and %s", one, other);
    else if (one != NULL || other != NULL)
        snprintf(text, size, " and offers %s", one != NULL ? one : other);
}

static void
describe_client(const struct tie_search *search, char *text, size_t size)
{
    const struct match_client *client = &search->client;
    char protocol[64], from[64], offers[OFFERS_SIZE + 64];

    describe_from(search, from, sizeof(from));
    describe_offers(search, offers, sizeof(offers));
    snprintf(text, size, "%s%s%s%s%s",
        describe_spoken(client->protocol, protocol, sizeof(protocol)), from,
        client->hello == NULL ? "" : client->name[0] != '\0'
            ? " that asks for " : " that asks for no name", client->name,
        offers);
}

/* False: no more are wanted. */
static bool
judge_pair(const struct match_table *table, const struct match_entry *a,
    const struct match_entry *b, match_tie_fn *tie, void *arg)
{
    struct tie_search search;
    char client[MATCH_TIE_TEXT_SIZE];

    if (a->member == b->member || !begin_search(&search, table, a, b) ||
        !find_tie(&search))
        return true;
    describe_client(&search, client, sizeof(client));
    return tie(arg, a, b, client);
}

void
match_ties_find(const struct match_table *table, match_tie_fn *tie, void *arg)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct match_entry *a = &table->entries[i];

        for (size_t j = i + 1; j < table->count; j++) {
            const struct match_entry *b = &table->entries[j];

            if (config_match_compare(a->rule, b->rule) != 0)
                break;
            if (!judge_pair(table, a, b, tie, arg))
                return;
        }
    }
}
