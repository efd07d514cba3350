/*
 * Names to addresses without waiting: what is known of them, and who waits.
 *
 * The answers come from a *source*: the DNS (resolver_dns.h), or another
 * process.  They are kept for their time to live; after that the old answer is
 * handed out once more while a new one is fetched, and it stays good for as
 * long as none comes: a slow or dead source delays nobody who was served
 * before.  A refusal is kept for a second, so that a source is not hammered.
 *
 * Names usually come from the configuration, but not those that another process
 * asks for: what is remembered is bounded, and the name that was not wanted for
 * the longest time is forgotten first.
 */
#ifndef NET_RESOLVER_H
#define NET_RESOLVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/base.h"

struct loop;
struct resolver;
struct resolver_query;

enum {
    RESOLVER_ADDRESSES_MAX = 16, /* the most that are kept of one name */
    RESOLVER_NAMES_MAX = 4096,
};

enum resolver_result {
    RESOLVER_FOUND,
    RESOLVER_UNKNOWN, /* the DNS says that there is no such name */
    RESOLVER_FAILED,  /* no answer, or out of memory */
};

/* Whom to ask. */
struct resolver_source {
    /* Each question has a number of its own, for resolver_reply(), which may be
     * called before this returns.  `host` is borrowed for the call. */
    void (*ask)(void *arg, uint32_t question, const char *host);
    void *arg;

    /* Those who wait are told after this that it failed; 0: a source that is
     * sure to answer. */
    uint64_t patience_ms;
};

struct resolver_reply {
    enum resolver_result result;
    const struct address *addresses; /* borrowed; ports are not looked at */
    size_t count;
    uint32_t ttl_s;
    const char *why; /* it failed, for the log; NULL: others log that */
};

/* The addresses, whose ports are not set, are borrowed for the call. */
typedef void resolver_done_fn(void *arg, enum resolver_result result,
    const struct address *addresses, size_t count);

/* NULL: out of memory. */
NODISCARD struct resolver *resolver_new(
    struct loop *loop, const struct resolver_source *source);

/* Every query must have ended or been cancelled. */
void resolver_free(struct resolver *resolver);

/* Calls `done` once, perhaps before it returns.  Until then `*handle`, which
 * must stay where it is, holds the query; it is NULL before `done` runs. */
void resolver_start(struct resolver *resolver, const char *host,
    resolver_done_fn *done, void *arg, struct resolver_query **handle);

/* The same for one who would rather wait than be told an old answer.  It is
 * told the last good one all the same if there comes no new one. */
void resolver_start_fresh(struct resolver *resolver, const char *host,
    resolver_done_fn *done, void *arg, struct resolver_query **handle);

/* `done` will not run, the handle becomes NULL.  NULL is allowed. */
void resolver_cancel(struct resolver_query *query);

/* For how long what was answered is good; 0: it is an old answer. */
uint32_t resolver_ttl_s(const struct resolver *resolver, const char *host);

/* For the source.  A question may be answered more than once, and after it was
 * given up, until the name is asked for again: the last answer counts.  One that
 * was never asked is ignored. */
void resolver_reply(struct resolver *resolver, uint32_t question,
    const struct resolver_reply *reply);

/* The source has forgotten what it was asked: repeats what is not answered. */
void resolver_ask_again(struct resolver *resolver);

#endif
