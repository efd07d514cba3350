/*
 * A service as it runs: its configuration, what TLS needs of it, its listening
 * sockets and its connections' number.
 */
#ifndef RELAY_SERVICE_H
#define RELAY_SERVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "net/listener.h"

struct config;
struct endpoint;
struct error;
struct service_config;
struct tls_context;
struct tls_peer;
struct tls_resume;

struct service {
    const struct service_config *config;
    struct tls_context *accept_context;  /* NULL: no TLS towards clients */
    struct tls_context *connect_context; /* NULL: no TLS towards servers */
    struct tls_resume **resume;          /* one for each connect endpoint */
    struct listener_set plain_listeners;
    struct listener_set tls_listeners;
    size_t connections;
    bool paused; /* accepting waits for connections to end */
};

/* Loads every certificate; every fault is added to `error`.  `config` must
 * outlive the service.  NULL: at least one fault. */
NODISCARD struct service *service_new(
    const struct service_config *config, struct error *error);

/* Its connections must have ended. */
void service_free(struct service *service);

/* All services of a configuration; every fault of every one is in `error`. */
NODISCARD struct service **services_new(
    const struct config *config, struct error *error);
void services_free(struct service **services, size_t count);

/* Binds every listening socket; see listener_open(). */
NODISCARD bool service_bind(struct service *service, struct error *error);

/* What to say to, and expect of, a server over TLS. */
void service_peer(const struct service *service,
    const struct endpoint *endpoint, struct tls_peer *peer);

#endif
