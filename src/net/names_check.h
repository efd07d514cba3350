/*
 * A first look at every name of a configuration, so that a misspelt one is found
 * at start, the first client need not wait for the DNS, and listeners know what
 * to bind.
 */
#ifndef NET_NAMES_CHECK_H
#define NET_NAMES_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct address;
struct config;
struct endpoint;
struct error;
struct loop;
struct names_check;
struct resolver;

/* True if the endpoint's host is a name rather than an address. */
bool names_check_is_name(const struct endpoint *endpoint);

/* Asks for each name once, and runs the loop for a few seconds at the most.
 * `resolver` may be NULL: then there is no answer.  NULL: out of memory. */
NODISCARD struct names_check *names_check_new(struct loop *loop,
    struct resolver *resolver, const struct config *config);
void names_check_free(struct names_check *check);

/* Warns of servers that cannot be resolved.  With `strict_names` a name that
 * does not exist is a fault instead; a DNS that does not answer never is: it may
 * be back when a client comes.  False: each fault is in `error`. */
NODISCARD bool names_check_servers(const struct names_check *check,
    const struct config *config, struct error *error);

/* The addresses of a name, up to `room`.  0: `*why` says why there are none. */
size_t names_check_find(const struct names_check *check, const char *host,
    struct address *addresses, size_t room, const char **why);

#endif
