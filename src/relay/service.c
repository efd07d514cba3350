#include "relay/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/error.h"
#include "base/log.h"
#include "base/scoreboard.h"
#include "config/config.h"
#include "config/config_alpn.h"
#include "config/config_fault.h"
#include "tls/tls_context.h"
#include "tls/tls_handshake.h"
#include "tls/tls_session_cache.h"
#include "tls/tls_trial.h"

static bool
make_resume(struct service *service)
{
    const struct service_config *config = service->config;

    service->resume = calloc(config->connect.count, sizeof(*service->resume));
    if (service->resume == NULL)
        return false;
    if (!config->connect_leg.session_tickets)
        return true;
    for (size_t i = 0; i < config->connect.count; i++) {
        if (!config->connect.items[i].tls)
            continue;
        service->resume[i] = tls_session_cache_new();
        if (service->resume[i] == NULL)
            return false;
    }
    return true;
}

struct service *
service_ref(struct service *service)
{
    service->references++;
    return service;
}

static void
service_free(struct service *service)
{
    if (service->index != SCOREBOARD_ALL) /* more than tried */
        log_debug(service->config->name,
            "nothing has these settings any more");
    if (service->resume != NULL)
        for (size_t i = 0; i < service->config->connect.count; i++)
            tls_session_cache_free(service->resume[i]);
    free(service->resume);
    connect_warnings_end(&service->connect_warnings);
    handshake_noise_end(&service->handshake_noise);
    tls_context_free(service->accept_context);
    tls_context_free(service->connect_context);
    config_unref(service->origin);
    free(service);
}

void
service_unref(struct service *service)
{
    if (service != NULL && --service->references == 0)
        service_free(service);
}

static bool
make_contexts(struct service *service, const struct services_spec *spec,
    struct error *error)
{
    const struct service_config *config = service->config;
    struct tls_resources resources = {
        .tickets = spec->tickets,
        .signer = spec->signer,
        .shared = spec->shared,
    };
    tls_trial_context_fn *make =
        spec->tries ? tls_trial_context : tls_context_new;
    bool ok = true;

    if (config_endpoints_have_tls(&config->listen)) {
        service->accept_context =
            make(config, TLS_ACCEPT, &resources, error);
        ok = service->accept_context != NULL;
    }
    if (config_endpoints_have_tls(&config->connect)) {
        resources.tickets = NULL;
        service->connect_context =
            make(config, TLS_CONNECT, &resources, error);
        ok = ok && service->connect_context != NULL;
    }
    return ok;
}

static struct service *
make_service(
    const struct services_spec *spec, size_t which, struct error *error)
{
    struct service *service = calloc(1, sizeof(*service));

    if (service == NULL)
        return NULL;
    service->references = 1;
    service->origin = config_ref(spec->config);
    service->config = &spec->config->services[which];
    service->signer = spec->signer;
    service->index = spec->board == NULL
        ? (unsigned)SCOREBOARD_ALL
        : scoreboard_service_find(spec->board, service->config->name);
    if (!make_resume(service))
        error_no_memory(error);
    else if (make_contexts(service, spec, error))
        return service;
    service_unref(service);
    return NULL;
}

struct service *
service_new(
    const struct services_spec *spec, size_t which, struct error *error)
{
    size_t before = error->count + error->dropped;
    struct service *service = make_service(spec, which, error);

    if (service == NULL && error->count + error->dropped == before)
        error_no_memory(error);
    return service;
}

static bool
is_number(const char *host)
{
    struct address address;

    return address_from_numeric(&address, host, 0);
}

/* RFC 6066 3: a name that is sent is never an address. */
static const char *
sni_of(const struct leg_config *leg, const char *name)
{
    if (leg->sni != NULL)
        return strcmp(leg->sni, "none") == 0 ? NULL : leg->sni;
    return name != NULL && !is_number(name) ? name : NULL;
}

/* What a client asks for may be anything; NULL: no name that a server has. */
static const char *
name_asked_for(const struct tls_facts *facts, char name[SERVICE_NAME_SIZE])
{
    struct fault fault;
    struct host host;

    if (facts->sni == NULL || !config_host_parse(&host, facts->sni, &fault) ||
        host.kind != HOST_NAME)
        return NULL;
    snprintf(name, SERVICE_NAME_SIZE, "%s", host.text);
    return name;
}

void
service_peer_of(const struct service_config *config,
    const struct endpoint *endpoint, struct tls_peer *peer)
{
    const struct leg_config *leg = &config->connect_leg;
    const char *name = leg->name != NULL ? leg->name : endpoint->host;

    *peer = (struct tls_peer){
        .name = leg->verify == VERIFY_NONE ? NULL : name,
        .sni = config_passes_name_on(config) ? NULL : sni_of(leg, name),
    };
}

/* Without a name for all servers, the one that the client asks for is verified. */
static void
pass_name_on(const struct leg_config *leg, struct service_client *said,
    struct tls_peer *peer)
{
    peer->sni = name_asked_for(&said->facts, said->name);
    if (peer->sni != NULL && peer->name != NULL && leg->name == NULL)
        peer->name = peer->sni;
}

void
service_peer(const struct service *service, const struct endpoint *endpoint,
    const struct stream *client, struct service_client *said,
    struct tls_peer *peer)
{
    const struct leg_config *leg = &service->config->connect_leg;
    bool passes_name = config_passes_name_on(service->config);
    bool passes_alpn = config_alpn_is_client(&leg->alpn);

    service_peer_of(service->config, endpoint, peer);
    peer->resume = service->resume[endpoint - service->config->connect.items];
    if (!passes_name && !passes_alpn)
        return;
    if (!tls_stream_facts(client, &said->facts))
        said->facts = (struct tls_facts){ 0 };
    if (passes_name)
        pass_name_on(leg, said, peer);
    if (passes_alpn)
        peer->alpn = said->facts.alpn;
}
