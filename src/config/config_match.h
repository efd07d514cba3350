/*
 * Lines of listen.match as text, and what makes one line more specific than
 * another one.
 */
#ifndef CONFIG_CONFIG_MATCH_H
#define CONFIG_CONFIG_MATCH_H

#include <stdbool.h>

#include "base/base.h"
#include "config/config_fields.h"

struct address;
struct fault;

/* Adds one line.  False: `fault` says why, and the list is marked as faulty. */
NODISCARD bool config_match_add(
    struct match_rules *rules, const char *text, struct fault *fault);

/* Frees all lines. */
void config_match_clear(struct match_rules *rules);

/* "tls", as it is written behind "proto:"; not of MATCH_PROTOCOL_ANY. */
const char *config_match_protocol_name(enum match_protocol protocol);

/* An order in which rules of one name are neighbours, and the more specific of them
 * come first: more words, then a narrower network.  Rules of which neither is more
 * specific, and that may tie, are neighbours too; 0: they might tie. */
int config_match_compare(
    const struct match_rule *a, const struct match_rule *b);

/* Whether the address lies in the network; true if there is no network.  One in
 * IPv6 that stands for IPv4 (::ffff:192.0.2.1) is the latter. */
bool config_match_holds_address(
    const struct match_net *net, const struct address *address);

#endif
