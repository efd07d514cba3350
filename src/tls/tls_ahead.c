#include "tls/tls_ahead.h"

#include <stdlib.h>

#include "base/error.h"
#include "config/config.h"
#include "tls/tls_context.h"
#include "tls/tls_load.h"
#include "tls/tls_pairs_ahead.h"
#include "tls/tls_trust_set.h"

enum { LEGS = 2 };

struct tls_ahead {
    const struct service_config *service;
    struct tls_resources resources;
    struct error error;                /* none: sets have notes */
    unsigned legs;                     /* that were begun */
    struct tls_trust_loading *loading; /* NULL: none is being loaded */
    struct tls_trust_set *sets[LEGS];
    unsigned set_count;
    struct tls_pairs_ahead *pairs[LEGS]; /* NULL: none, or read later */
};

struct tls_ahead *
tls_ahead_new(const struct service_config *service,
    const struct tls_resources *resources)
{
    struct tls_ahead *ahead = calloc(1, sizeof(*ahead));

    if (ahead == NULL)
        return NULL;
    ahead->service = service;
    ahead->resources = *resources;
    return ahead;
}

static void
begin_leg(struct tls_ahead *ahead, enum tls_role role)
{
    const struct service_config *service = ahead->service;
    const struct endpoints *endpoints =
        role == TLS_ACCEPT ? &service->listen : &service->connect;
    struct tls_load load = tls_context_load_of(
        service, role, &ahead->resources, &ahead->error);

    if (!config_endpoints_have_tls(endpoints))
        return;
    ahead->loading = tls_trust_set_begin(&load);
    ahead->pairs[role] = tls_pairs_ahead_new(&load);
}

static void
step_trust(struct tls_ahead *ahead)
{
    if (tls_trust_set_step(ahead->loading))
        return;
    ahead->sets[ahead->set_count++] = tls_trust_set_finish(ahead->loading);
    ahead->loading = NULL;
}

bool
tls_ahead_step(struct tls_ahead *ahead)
{
    static const enum tls_role roles[LEGS] = { TLS_ACCEPT, TLS_CONNECT };

    for (;;) {
        if (ahead->loading != NULL) {
            step_trust(ahead);
            return true;
        }
        if (ahead->legs > 0 &&
            tls_pairs_ahead_step(ahead->pairs[ahead->legs - 1]))
            return true;
        if (ahead->legs == LEGS)
            return false;
        begin_leg(ahead, roles[ahead->legs++]);
    }
}

void
tls_ahead_free(struct tls_ahead *ahead)
{
    if (ahead == NULL)
        return;
    tls_trust_set_abandon(ahead->loading);
    for (unsigned i = 0; i < ahead->set_count; i++)
        tls_shared_put(&ahead->sets[i]->item);
    for (unsigned i = 0; i < LEGS; i++)
        tls_pairs_ahead_free(ahead->pairs[i]);
    error_clear(&ahead->error);
    free(ahead);
}
