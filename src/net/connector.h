/*
 * Reaches one of a service's servers: each endpoint in order, each of its
 * addresses in order, until one accepts.
 */
#ifndef NET_CONNECTOR_H
#define NET_CONNECTOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/base.h"

struct connector;
struct endpoint;
struct loop;
struct resolver;
struct service_config;

enum connector_result {
    CONNECTOR_CONNECTED,
    CONNECTOR_REFUSED,
    CONNECTOR_TIMEOUT,
    CONNECTOR_UNREACHABLE,
    CONNECTOR_FORBIDDEN, /* this process lacks the right to */
    CONNECTOR_UNRESOLVED,
    CONNECTOR_EXHAUSTED, /* out of descriptors, ports or memory here */
};

/* Takes `fd` (-1 unless connected).  `endpoint` and `address` tell who was
 * reached, or who was tried last; `address` may be NULL, both are borrowed for
 * the call.  The connector is gone already. */
typedef void connector_done_fn(void *arg, enum connector_result result, int fd,
    const struct endpoint *endpoint, const struct address *address);

/* Calls `done` once, perhaps before it returns.  Until then `*handle`, which
 * must stay where it is, holds the connector; it is NULL before `done` runs.
 * Each endpoint has the service's connect timeout, which its addresses share.
 * `service` must outlive the connector. */
void connector_start(struct loop *loop, struct resolver *resolver,
    const struct service_config *service, connector_done_fn *done, void *arg,
    struct connector **handle);

/* `done` will not run, the handle becomes NULL.  NULL is allowed. */
void connector_cancel(struct connector *connector);

#endif
