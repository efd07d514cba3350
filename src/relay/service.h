/*
 * A service as it runs: its configuration, what TLS needs of it, and its
 * connections' number.
 *
 * The list of the generation in force holds a reference, and so do acceptors and
 * connections: a service goes with the last connection that began with it.
 */
#ifndef RELAY_SERVICE_H
#define RELAY_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/scoreboard.h"
#include "config/config_host.h"
#include "relay/connect_warnings.h"
#include "relay/handshake_noise.h"
#include "relay/feeds.h"
#include "tls/tls_stream.h"

struct config;
struct endpoint;
struct error;
struct service_config;
struct tls_context;
struct tls_peer;
struct tls_session_cache;
struct tls_ticket_secrets;
struct tls_shared;
struct tls_signer;

struct service {
    const struct service_config *config; /* of `origin` */
    struct config *origin;               /* a reference */
    struct tls_context *accept_context;  /* NULL: no TLS towards clients */
    struct tls_context *connect_context; /* NULL: no TLS towards servers */
    struct tls_session_cache **resume;   /* one for each connect endpoint */
    struct tls_signer *signer;           /* of both contexts, or NULL */
    unsigned index;      /* on the scoreboard; SCOREBOARD_ALL: none */
    unsigned references;
    size_t connections;  /* of this process */
    struct feeds feeds;  /* services that it has connected to */
    struct connect_warnings connect_warnings;
    struct handshake_noise handshake_noise;
    bool paused; /* accepting waits for connections to end */
    bool clients_wait; /* the last one that was looked at had said nothing yet */
};

/* What services are made of (services.h).  All but `config` may be left out. */
struct services_spec {
    struct config *config;
    struct service *const *previous; /* one that would be made just the same */
    size_t previous_count;           /* again is used as it is */
    const struct scoreboard *board;       /* knows the services' indices */
    const struct tls_ticket_secrets *tickets; /* of the session tickets */
    struct tls_signer *signer;       /* NULL: private keys are loaded */
    struct tls_shared *shared;       /* what other services loaded before */
    bool tries;                      /* nothing will run: tls_trial.h */
};

/* One service of spec->config, which loads its certificates.  NULL: its faults
 * are in `error`. */
NODISCARD struct service *service_new(
    const struct services_spec *spec, size_t which, struct error *error);

struct service *service_ref(struct service *service);
void service_unref(struct service *service);

/* What a client said that its server is told; the texts of a tls_peer may lie in
 * it. */
enum { SERVICE_NAME_SIZE = HOST_SIZE };
struct service_client {
    struct tls_facts facts;
    char name[SERVICE_NAME_SIZE];
};

/* What to say to, and expect of, a server over TLS, for a client with which the
 * handshake is done if it has TLS. */
void service_peer(const struct service *service,
    const struct endpoint *endpoint, const struct stream *client,
    struct service_client *said, struct tls_peer *peer);

/* The same without a client and without resumption, of a service that need not be
 * made. */
void service_peer_of(const struct service_config *config,
    const struct endpoint *endpoint, struct tls_peer *peer);

#endif
