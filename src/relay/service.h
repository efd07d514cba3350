/*
 * A service as it runs: its configuration, what TLS needs of it, and its
 * connections' number.
 *
 * The list of the generation in force holds a reference, and so do doors and
 * connections: a service goes with the last connection that began with it.
 */
#ifndef RELAY_SERVICE_H
#define RELAY_SERVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct board;
struct config;
struct endpoint;
struct error;
struct service_config;
struct tls_context;
struct tls_peer;
struct tls_resume;
struct tls_secret;
struct tls_signer;

struct service {
    const struct service_config *config; /* of `origin` */
    struct config *origin;               /* a reference */
    struct tls_context *accept_context;  /* NULL: no TLS towards clients */
    struct tls_context *connect_context; /* NULL: no TLS towards servers */
    struct tls_resume **resume;          /* one for each connect endpoint */
    struct tls_signer *signer;           /* of both contexts, or NULL */
    unsigned index;      /* on the board; BOARD_ALL: none */
    unsigned references;
    size_t connections;  /* of this process */
    bool paused; /* accepting waits for connections to end */
};

/* What services are made of.  All but `config` may be left out. */
struct services_spec {
    struct config *config;
    struct service *const *previous; /* one that would be made just the same */
    size_t previous_count;           /* again is used as it is */
    const struct board *board;       /* knows the services' indices */
    const struct tls_secret *secret; /* of the session tickets */
    struct tls_signer *signer;       /* NULL: private keys are loaded */
};

/* All services of a configuration, as many as it has.  Loads every
 * certificate; every fault of every service is added to `error`.  NULL: at
 * least one fault. */
NODISCARD struct service **services_new(
    const struct services_spec *spec, struct error *error);

/* Gives the list's references back. */
void services_free(struct service **services, size_t count);

/* One service of spec->config. */
NODISCARD struct service *service_new(
    const struct services_spec *spec, size_t which, struct error *error);

struct service *service_ref(struct service *service);
void service_unref(struct service *service);

/* What to say to, and expect of, a server over TLS. */
void service_peer(const struct service *service,
    const struct endpoint *endpoint, struct tls_peer *peer);

#endif
