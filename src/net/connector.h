/*
 * Reaches one of a service's servers: each endpoint in order, and the addresses
 * of an endpoint as RFC 8305 has it (the next one 250 ms later, or as soon as one
 * fails; the first that accepts is taken).
 *
 * A server that accepts may still turn out useless: connector_next() goes on to
 * those that are left.
 */
#ifndef NET_CONNECTOR_H
#define NET_CONNECTOR_H

#include <stdbool.h>

#include "net/connector_memory.h"
#include "net/connector_result.h"

struct address;
struct connector;
struct endpoint;
struct loop;
struct resolver;
struct service_config;

/* Takes `fd` (-1 unless connected).  `endpoint` and `address` tell which server
 * was reached, or failed last; `address` may be NULL, both are borrowed for the
 * call.  Unless connected the connector is gone already. */
typedef void connector_done_fn(void *arg, enum connector_result result, int fd,
    const struct endpoint *endpoint, const struct address *address);

struct connector_spec {
    struct loop *loop;
    struct resolver *resolver; /* may be NULL where no endpoint is a name */
    struct connector_memory *memory;
    const struct service_config *service;

    /* Runs for each server that is given up; must not free the connector.
     * `address` NULL: none is known.  May be NULL. */
    void (*failed)(void *arg, enum connector_result result,
        const struct endpoint *endpoint, const struct address *address);

    /* True if what is sent to `to` would come back to this service.  `from`:
     * the socket's own address, NULL before it has one, and for an address that
     * stands for this machine perhaps throughout.  May be NULL. */
    bool (*returns)(void *arg, const struct address *to,
        const struct address *from);

    /* Runs when there is something to wait for before `done`, perhaps again and
     * again; must not free the connector.  May be NULL. */
    void (*waits)(void *arg);
    connector_done_fn *done;
    void *arg;
};

/* Calls `done` once, perhaps before it returns.  `*handle`, which must stay
 * where it is, holds the connector until then, and on while it is connected and
 * other servers are left for connector_next(); else it is NULL before `done`
 * runs.  Each endpoint has the service's connect timeout, which its addresses
 * share.  `*spec` is copied; what it points to must outlive the connector. */
void connector_start(
    const struct connector_spec *spec, struct connector **handle);

/* After `done` told of a connection that came to nothing: calls it once more.
 * `silent`: the server accepted, and then let us wait. */
void connector_next(struct connector *connector, bool silent);

/* `done` will not run, the handle becomes NULL.  NULL is allowed. */
void connector_cancel(struct connector *connector);

#endif
