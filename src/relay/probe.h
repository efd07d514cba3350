/*
 * A probe: connects to one server of a service as a worker would, does the
 * handshake if the endpoint is TLS, and says what it found.  It sends no byte of
 * data.
 *
 * The service's connect and handshake timeouts bound it.  A server of TLS 1.3 may
 * refuse a client's certificate, or the lack of one, behind the end of the
 * handshake (RFC 8446 4.4.2.4), so half a second is left for that.
 */
#ifndef RELAY_PROBE_H
#define RELAY_PROBE_H

#include <stddef.h>

#include "base/base.h"
#include "relay/probe_report.h"

struct connector_memory;
struct loop;
struct probe;
struct resolver;
struct service_config;
struct tls_context;

/* The report is borrowed for the call; the probe is gone already. */
typedef void probe_done_fn(void *arg, const struct probe_report *report);

struct probe_spec {
    struct loop *loop;
    struct resolver *resolver;
    struct connector_memory *memory;
    const struct service_config *service;
    size_t server; /* of service->connect */
    const struct tls_context *context; /* of the connect leg; NULL: no TLS */
    probe_done_fn *done;
    void *arg;
};

/* Calls `done` once, perhaps before it returns.  Until then `*handle`, which must
 * stay where it is, holds the probe; it is NULL before `done` runs.  `*spec` is
 * copied; what it points to must outlive the probe. */
void probe_start(const struct probe_spec *spec, struct probe **handle);

/* `done` will not run, the handle becomes NULL.  NULL is allowed. */
void probe_cancel(struct probe *probe);

#endif
