/*
 * What a resolver knows of names: a table of no more than RESOLVER_NAMES_MAX, in
 * which the name that was not wanted for the longest time makes room for another.
 * What an answer means, and when a name is asked for, is resolver.c's.
 */
#ifndef NET_RESOLVER_NAMES_H
#define NET_RESOLVER_NAMES_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/base.h"
#include "net/timer.h"

struct resolver;
struct resolver_query;

enum {
    RESOLVER_ADDRESSES_MAX = 16, /* the most that are kept of one name */
    RESOLVER_NAMES_MAX = 4096,
    RESOLVER_NAMES_BUCKETS = 256,
};

enum resolver_result {
    RESOLVER_FOUND,
    RESOLVER_UNKNOWN, /* the DNS says that there is no such name */
    RESOLVER_FAILED,  /* no answer, or out of memory */
};

/* What is known of a name. */
struct resolver_name {
    LIST_ENTRY(resolver_name) entry; /* in its bucket */
    TAILQ_ENTRY(resolver_name) asked_entry;
    struct resolver *resolver;
    LIST_HEAD(, resolver_query) waiting;
    uint64_t asked_ms;
    uint64_t wanted_ms; /* when the name was last looked up */
    uint64_t expires_ms;
    uint64_t ttl_ms;
    uint64_t failed_ms; /* the last answer was a failure, then; 0: it was not */
    struct timer refresh;
    size_t count; /* 0: no good answer so far */
    struct address *addresses;
    unsigned borrowed;            /* callbacks that look at it now */
    uint32_t question;            /* the last one */
    enum resolver_result refusal; /* while failing: what to say */
    bool asked; /* the answer is still to come */
    bool failing;
    bool waited; /* for the last question as long as there is need to */
    bool complained; /* the log knows */
    char host[];
};

/* All zero at first. */
struct resolver_names {
    LIST_HEAD(, resolver_name) buckets[RESOLVER_NAMES_BUCKETS];
    size_t count;
};

/* Nothing may wait for a name any more. */
void resolver_names_clear(struct resolver_names *names);

/* NULL: it is not known. */
struct resolver_name *resolver_names_find(
    const struct resolver_names *names, const char *host);

/* The name whose last question has that number; NULL: none. */
struct resolver_name *resolver_names_asked(
    const struct resolver_names *names, uint32_t question);

/* Adds a name that is not known, perhaps in place of one that is not in use.
 * NULL: out of memory, or each of them is in use. */
NODISCARD struct resolver_name *resolver_names_add(
    struct resolver_names *names, const char *host);
void resolver_names_remove(
    struct resolver_names *names, struct resolver_name *name);

/* Gives the next question for it its number, made of how many there have been. */
void resolver_names_number(struct resolver_name *name, uint32_t count);

/* Replaces its addresses, by as many as are kept.  False: out of memory. */
NODISCARD bool resolver_names_keep(struct resolver_name *name,
    const struct address *addresses, size_t count);

/* All that is known is old from now on. */
void resolver_names_expire(struct resolver_names *names);

#endif
