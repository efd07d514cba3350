/*
 * The matches of the services that share an address: which of them a client is
 * for.
 *
 * An exact name goes before a wildcard, and that before no name at all; then more
 * words, then a narrower network.  The order in the file decides nothing: lines of
 * two services that tie for some client are a fault (match_ties.h).
 */
#ifndef CONFIG_MATCH_TABLE_H
#define CONFIG_MATCH_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/base.h"
#include "config/config_fields.h"
#include "proto/client_hello.h"

enum { MATCH_NOBODY = -1 };

/* What is known of a client. */
struct match_client {
    enum match_protocol protocol; /* MATCH_PROTOCOL_ANY: it is silent */
    const struct client_hello *hello; /* NULL: no TLS, or not in order */
    char name[CLIENT_HELLO_NAME_MAX + 1]; /* of the hello; "": none */
    struct address from; /* length 0: none, as of a unix socket */
};

/* A line of the member's. */
struct match_entry {
    const struct match_rule *rule;
    uint32_t member;
};

struct match_table {
    struct match_entry *entries; /* in the order of config_match_compare() */
    size_t count;
    int fallback; /* the member without a match; MATCH_NOBODY: none */
    bool reads;   /* some line asks for what the client says */
};

/* Makes room for so many lines in all.  False: out of memory. */
NODISCARD bool match_table_open(struct match_table *table, size_t lines);
void match_table_close(struct match_table *table);

/* Adds a member with its lines, which are borrowed; then, after the last one, puts
 * all in order. */
void match_table_add(struct match_table *table, uint32_t member,
    const struct match_rules *rules);
void match_table_sort(struct match_table *table);

/* Takes a hello that is in order; the name goes over to lower case, without a dot
 * at its end.  `hello` is borrowed. */
void match_client_hello(
    struct match_client *client, const struct client_hello *hello);

/* The member that the client is for, perhaps MATCH_NOBODY. */
int match_table_choose(
    const struct match_table *table, const struct match_client *client);

/* Finds the line that has the client.  NULL: none has, it is the fallback's.
 * `*rival`, unless that is NULL: one of another member that has it as well and is
 * no less specific; or NULL. */
const struct match_entry *match_table_find(const struct match_table *table,
    const struct match_client *client, const struct match_entry **rival);

/* Whether some line has exactly this name, or, if that counts, a wildcard in its
 * place. */
bool match_table_has_name(
    const struct match_table *table, const char *name, bool wildcards);

#endif
