/*
 * Lines of two services at one address that tie: clients that both have, and none
 * more specific.
 */
#ifndef CONFIG_MATCH_TIES_H
#define CONFIG_MATCH_TIES_H

#include <stdbool.h>

struct match_entry;
struct match_table;

enum { MATCH_TIE_TEXT_SIZE = 1024 };

/* Two lines, and one of the clients that they tie for, in words: "a TLS client
 * that asks for a.example and offers h2".  Returns false when no more are wanted. */
typedef bool match_tie_fn(void *arg, const struct match_entry *a,
    const struct match_entry *b, const char *client);

/* Calls `tie` for each pair, while that wants more.  Every client is thought of for
 * which there could be one: what no client has is not told. */
void match_ties_find(
    const struct match_table *table, match_tie_fn *tie, void *arg);

#endif
