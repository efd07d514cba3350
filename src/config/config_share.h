/*
 * Listen endpoints that several services share, or that one has a match for
 * (listen.match): each such place is a group, and its number is in its endpoints.
 */
#ifndef CONFIG_CONFIG_SHARE_H
#define CONFIG_CONFIG_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

struct config;
struct error;
struct listen_group;
struct listen_member;
struct match_table;

/* Makes a group of the members, which are copied, unless there is nothing to tell
 * apart: one without a match.  Adds a fault for each two that tie, or have no match.
 * Out of memory is a fault, too. */
void config_share_add(struct config *config,
    const struct listen_member *members, size_t count, struct error *error);

/* NULL: the endpoint is in none. */
const struct listen_group *config_share_group(
    const struct config *config, uint32_t service, uint32_t endpoint);

/* Whether the socket is bound for this endpoint: it is the home of its group, or in
 * none. */
bool config_share_is_home(
    const struct config *config, uint32_t service, uint32_t endpoint);

/* Fills `table` with the lines of the group; match_table_close() frees it.  False: out
 * of memory. */
NODISCARD bool config_share_table(const struct config *config,
    const struct listen_group *group, struct match_table *table);

#endif
