/*
 * Services that share an address (config_share.h), as a worker serves them: which of
 * them a client is for, and what is drained.
 */
#ifndef RELAY_SHARE_H
#define RELAY_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "config/match_table.h"

struct config;
struct service;

struct share_member {
    struct service *service; /* a reference */
    bool tls;
    bool drained;
};

/* Counted: acceptors and connections that are not decided refer to it. */
struct share {
    unsigned references;
    struct match_table table;
    struct share_member *members; /* as many as the table knows */
    uint32_t count;
    uint32_t home;
    uint64_t sniff_ms; /* how long a silent client is waited for */
    uint64_t undecided; /* clients of this process that are none's yet (limits.h) */
    struct config *origin; /* a reference: the table points into it */
};

/* All of a configuration, by their homes. */
struct shares {
    struct share_place {
        uint32_t service, endpoint;
        struct share *share;
    } *items;
    size_t count;
};

/* `services` are the configuration's, in its order.  NULL: out of memory. */
NODISCARD struct shares *shares_new(
    struct config *config, struct service *const *services);
void shares_free(struct shares *shares);

/* NULL: the endpoint is none's home; `shares` may be NULL. */
struct share *shares_find(
    const struct shares *shares, uint32_t service, uint32_t endpoint);

struct share *share_ref(struct share *share);
void share_unref(struct share *share);

/* The service that stands for the client until it has its own. */
struct service *share_home(const struct share *share);

/* The member of that service is drained.  True: and so are all others. */
bool share_drain(struct share *share, const char *service);

#endif
