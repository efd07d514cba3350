/*
 * Names to addresses without waiting, with c-ares.
 *
 * The names all come from the configuration, so what is remembered is bounded
 * by it.  Answers are kept for their TTL; after that the old answer is handed
 * out once more while a new one is fetched, and it stays good for as long as no
 * server answers: a slow or dead DNS delays nobody who was served before.
 */
#ifndef NET_RESOLVER_H
#define NET_RESOLVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/base.h"

struct error;
struct loop;
struct resolver;
struct resolver_query;

/* The most addresses that are kept of one name. */
enum { RESOLVER_ADDRESSES_MAX = 16 };

enum resolver_result {
    RESOLVER_FOUND,
    RESOLVER_UNKNOWN, /* the DNS says that there is no such name */
    RESOLVER_FAILED,  /* no answer, or out of memory */
};

/* The addresses, whose ports are not set, are borrowed for the call. */
typedef void resolver_done_fn(void *arg, enum resolver_result result,
    const struct address *addresses, size_t count);

/* NULL: the reason is in `error`. */
NODISCARD struct resolver *resolver_new(
    struct loop *loop, struct error *error);

/* Every query must have ended or been cancelled. */
void resolver_free(struct resolver *resolver);

/* Calls `done` once, perhaps before it returns.  Until then `*handle`, which
 * must stay where it is, holds the query; it is NULL before `done` runs. */
void resolver_start(struct resolver *resolver, const char *host,
    resolver_done_fn *done, void *arg, struct resolver_query **handle);

/* `done` will not run, the handle becomes NULL.  NULL is allowed. */
void resolver_cancel(struct resolver_query *query);

#endif
