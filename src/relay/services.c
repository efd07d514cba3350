#include "relay/services.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/config.h"
#include "relay/service.h"
#include "relay/service_diff.h"
#include "tls/tls_ahead.h"
#include "tls/tls_context.h"

struct services_work {
    struct services_spec spec;
    struct error *error;
    struct service **services; /* `made` of them, NULL those with faults */
    size_t made;
    size_t likely; /* in `previous`: where the next one may stand */
    struct tls_ahead *ahead; /* of the next one, which is made anew */
    bool faulty;
};

struct services_work *
services_begin(const struct services_spec *spec, struct error *error)
{
    struct services_work *work = calloc(1, sizeof(*work));

    if (work != NULL) {
        *work = (struct services_work){ .spec = *spec, .error = error };
        work->services =
            calloc(spec->config->service_count + 1, sizeof(*work->services));
    }
    if (work != NULL && work->services != NULL)
        return work;
    free(work);
    error_no_memory(error);
    return NULL;
}

/* Most services stand in the order that they had before.  NULL: there was none
 * that would be made just the same. */
static struct service *
find_unchanged(struct services_work *work)
{
    const struct services_spec *spec = &work->spec;
    const struct service_config *config = &spec->config->services[work->made];

    for (size_t i = 0; i < spec->previous_count; i++) {
        size_t at = (work->likely + i) % spec->previous_count;
        struct service *service = spec->previous[at];

        if (service->signer == spec->signer &&
            service_is_same(service->config, config)) {
            work->likely = at + 1;
            return service;
        }
    }
    return NULL;
}

static void
add_made_service(struct services_work *work, struct service *service)
{
    work->services[work->made++] = service;
    work->faulty |= service == NULL;
}

/* NULL: out of memory, or there are no clients that loading would keep waiting;
 * then the service loads everything at once. */
static struct tls_ahead *
begin_ahead(const struct services_work *work)
{
    const struct services_spec *spec = &work->spec;
    const struct tls_resources resources = {
        .signer = spec->signer, .shared = spec->shared,
    };

    return spec->tries || spec->shared == NULL
        ? NULL
        : tls_ahead_new(&spec->config->services[work->made], &resources);
}

/* The next service is one of those before, or begins to be made. */
static void
begin_service(struct services_work *work)
{
    struct service *unchanged = find_unchanged(work);

    if (unchanged != NULL)
        add_made_service(work, service_ref(unchanged));
    else if ((work->ahead = begin_ahead(work)) == NULL)
        add_made_service(work,
            service_new(&work->spec, work->made, work->error));
}

static void
step_service_ahead(struct services_work *work)
{
    if (tls_ahead_step(work->ahead))
        return;
    add_made_service(work, service_new(&work->spec, work->made, work->error));
    tls_ahead_free(work->ahead);
    work->ahead = NULL;
}

bool
services_step(struct services_work *work)
{
    size_t count = work->spec.config->service_count;

    if (work->made == count)
        return false;
    if (work->ahead == NULL)
        begin_service(work);
    if (work->ahead != NULL)
        step_service_ahead(work);
    return work->made < count;
}

struct service **
services_finish(struct services_work *work)
{
    struct service **services = work->services;

    if (work->faulty || work->made < work->spec.config->service_count) {
        services_free(services, work->made);
        services = NULL;
    }
    tls_ahead_free(work->ahead);
    free(work);
    return services;
}

void
services_abandon(struct services_work *work, struct services_old *old)
{
    if (work == NULL)
        return;
    tls_ahead_free(work->ahead);
    services_old_add(old, work->services, work->made);
    free(work);
}

struct service **
services_new(const struct services_spec *spec, struct error *error)
{
    struct services_work *work = services_begin(spec, error);

    if (work == NULL)
        return NULL;
    while (services_step(work))
        continue;
    return services_finish(work);
}

void
services_free(struct service **services, size_t count)
{
    if (services == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        service_unref(services[i]);
    free(services);
}

void
services_old_add(
    struct services_old *old, struct service **services, size_t count)
{
    struct service **items;

    if (services == NULL)
        return;
    if (old->count == 0) {
        free(old->items);
        *old = (struct services_old){ services, count };
        return;
    }
    items = reallocarray(old->items, old->count + count, sizeof(*items));
    if (items == NULL) {
        services_free(services, count);
        return;
    }
    memcpy(items + old->count, services, count * sizeof(*items));
    *old = (struct services_old){ items, old->count + count };
    free(services);
}

bool
services_old_step(struct services_old *old)
{
    if (old->count == 0) {
        services_old_clear(old);
        return false;
    }
    service_unref(old->items[--old->count]);
    return true;
}

void
services_old_clear(struct services_old *old)
{
    services_free(old->items, old->count);
    *old = (struct services_old){ NULL, 0 };
}
