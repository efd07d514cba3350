/*
 * Names to addresses without blocking: known answers and open queries.
 *
 * The answers come from a *source*: the DNS (resolver_dns.h), or another
 * process.  They are kept for their time to live.  After that a new one is
 * waited for, a moment; if none comes by then the last good answer is used, and
 * stays in use without another wait while the source goes on failing.  A source
 * that says so is asked again before an answer ends, as long as the name is in
 * use, so that nothing waits.  A refusal is kept for a second, so that a source
 * is not hammered.
 *
 * Names usually come from the configuration, but not those that another process
 * asks for: what is remembered is bounded, and the name that was not wanted for
 * the longest time is forgotten first.
 */
#ifndef NET_RESOLVER_H
#define NET_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/base.h"
#include "net/resolver_names.h"

struct loop;
struct resolver;
struct resolver_query;

/* Where answers come from. */
struct resolver_source {
    /* Each question has a number of its own, for resolver_reply(), which may be
     * called before this returns.  `host` is borrowed for the call. */
    void (*ask)(void *arg, uint32_t question, const char *host);
    void *arg;

    /* A question without an answer has failed after this; 0: a source that is
     * sure to answer. */
    uint64_t patience_ms;

    /* So long a new answer is waited for before an old one is used. */
    uint64_t wait_ms;

    /* Bounds of an answer's time to live. */
    uint64_t ttl_least_ms;
    uint64_t ttl_most_ms;

    bool refreshes; /* asks before an answer ends, while the name is in use */
};

struct resolver_reply {
    enum resolver_result result;
    const struct address *addresses; /* borrowed; ports are not looked at */
    size_t count;
    uint64_t ttl_ms;
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

/* `done` will not run, the handle becomes NULL.  NULL is allowed. */
void resolver_cancel(struct resolver_query *query);

/* For how long what was answered is good; 0: it is an old answer. */
uint64_t resolver_ttl_ms(const struct resolver *resolver, const char *host);

/* What is known is old from now on: the source may know better. */
void resolver_expire(struct resolver *resolver);

/* For the source.  A question may be answered more than once, and after it was
 * given up, until the name is asked for again: the last answer counts.  One that
 * was never asked is ignored. */
void resolver_reply(struct resolver *resolver, uint32_t question,
    const struct resolver_reply *reply);

/* The source has forgotten what it was asked: repeats what is not answered. */
void resolver_ask_again(struct resolver *resolver);

#endif
