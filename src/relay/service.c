#include "relay/service.h"

#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/error.h"
#include "config/config.h"
#include "tls/tls_context.h"
#include "tls/tls_resume.h"
#include "tls/tls_stream.h"

static bool
has_tls(const struct endpoints *endpoints)
{
    for (size_t i = 0; i < endpoints->count; i++)
        if (endpoints->items[i].tls)
            return true;
    return false;
}

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
        service->resume[i] = tls_resume_new();
        if (service->resume[i] == NULL)
            return false;
    }
    return true;
}

struct service *
service_new(const struct service_config *config, struct error *error)
{
    struct service *service = calloc(1, sizeof(*service));
    bool ok = true;

    if (service == NULL) {
        error_add(error, "out of memory");
        return NULL;
    }
    service->config = config;
    if (has_tls(&config->listen)) {
        service->accept_context = tls_context_new(config, TLS_ACCEPT, error);
        ok = service->accept_context != NULL;
    }
    if (has_tls(&config->connect)) {
        service->connect_context = tls_context_new(config, TLS_CONNECT, error);
        ok = ok && service->connect_context != NULL;
    }
    if (!make_resume(service)) {
        error_add(error, "out of memory");
        ok = false;
    }
    if (ok)
        return service;
    service_free(service);
    return NULL;
}

void
service_free(struct service *service)
{
    if (service == NULL)
        return;
    listener_set_free(&service->plain_listeners);
    listener_set_free(&service->tls_listeners);
    if (service->resume != NULL)
        for (size_t i = 0; i < service->config->connect.count; i++)
            tls_resume_free(service->resume[i]);
    free(service->resume);
    tls_context_free(service->accept_context);
    tls_context_free(service->connect_context);
    free(service);
}

void
services_free(struct service **services, size_t count)
{
    if (services == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        service_free(services[i]);
    free(services);
}

struct service **
services_new(const struct config *config, struct error *error)
{
    size_t count = config->service_count;
    struct service **services = calloc(count, sizeof(*services));
    bool ok = true;

    if (services == NULL) {
        error_add(error, "out of memory");
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        services[i] = service_new(&config->services[i], error);
        ok = ok && services[i] != NULL;
    }
    if (ok)
        return services;
    services_free(services, count);
    return NULL;
}

bool
service_bind(struct service *service, struct error *error)
{
    const struct service_config *config = service->config;
    bool ok = true;

    for (size_t i = 0; i < config->listen.count; i++) {
        const struct endpoint *endpoint = &config->listen.items[i];
        struct listener_set *set = endpoint->tls ? &service->tls_listeners
                                                 : &service->plain_listeners;

        if (!listener_open(
                set, config->name, endpoint, &config->listen_leg, error))
            ok = false;
    }
    return ok;
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

void
service_peer(const struct service *service, const struct endpoint *endpoint,
    struct tls_peer *peer)
{
    const struct leg_config *leg = &service->config->connect_leg;
    const char *name = leg->name != NULL ? leg->name : endpoint->host;

    *peer = (struct tls_peer){
        .name = leg->verify == VERIFY_NONE ? NULL : name,
        .sni = sni_of(leg, name),
        .resume = service->resume[endpoint - service->config->connect.items],
    };
}
