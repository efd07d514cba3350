#include "relay/share.h"

#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/config_share.h"
#include "relay/service.h"

struct share *
share_ref(struct share *share)
{
    share->references++;
    return share;
}

void
share_unref(struct share *share)
{
    if (share == NULL || --share->references > 0)
        return;
    for (uint32_t i = 0; i < share->count; i++)
        service_unref(share->members[i].service);
    free(share->members);
    match_table_close(&share->table);
    config_unref(share->origin);
    free(share);
}

static void
add_member(struct share *share, const struct listen_member *member,
    struct service *service)
{
    const struct service_config *config =
        &share->origin->services[member->service];

    share->members[share->count++] = (struct share_member){
        .service = service_ref(service),
        .tls = config->listen.items[member->endpoint].tls,
    };
    if (config->sniff_timeout_ms > share->sniff_ms)
        share->sniff_ms = config->sniff_timeout_ms;
}

/* NULL: out of memory. */
static struct share *
new_share(struct config *config, const struct listen_group *group,
    struct service *const *services)
{
    struct share *share = calloc(1, sizeof(*share));

    if (share == NULL)
        return NULL;
    share->references = 1;
    share->origin = config_ref(config);
    share->home = group->home;
    share->members = calloc(group->count, sizeof(*share->members));
    if (share->members == NULL ||
        !config_share_table(config, group, &share->table)) {
        share_unref(share);
        return NULL;
    }
    for (uint32_t i = 0; i < group->count; i++)
        add_member(share, &group->members[i],
            services[group->members[i].service]);
    return share;
}

struct shares *
shares_new(struct config *config, struct service *const *services)
{
    struct shares *shares = calloc(1, sizeof(*shares));

    if (shares == NULL)
        return NULL;
    shares->items = calloc(config->group_count + 1, sizeof(*shares->items));
    for (size_t i = 0; shares->items != NULL && i < config->group_count; i++) {
        const struct listen_group *group = &config->groups[i];
        const struct listen_member *home = &group->members[group->home];
        struct share *share = new_share(config, group, services);

        if (share == NULL)
            break;
        shares->items[shares->count++] =
            (struct share_place){ home->service, home->endpoint, share };
    }
    if (shares->items != NULL && shares->count == config->group_count)
        return shares;
    shares_free(shares);
    return NULL;
}

void
shares_free(struct shares *shares)
{
    if (shares == NULL)
        return;
    for (size_t i = 0; i < shares->count; i++)
        share_unref(shares->items[i].share);
    free(shares->items);
    free(shares);
}

struct share *
shares_find(const struct shares *shares, uint32_t service, uint32_t endpoint)
{
    for (size_t i = 0; shares != NULL && i < shares->count; i++)
        if (shares->items[i].service == service &&
            shares->items[i].endpoint == endpoint)
            return shares->items[i].share;
    return NULL;
}

struct service *
share_home(const struct share *share)
{
    return share->members[share->home].service;
}

bool
share_drain(struct share *share, const char *service)
{
    bool all = true;

    for (uint32_t i = 0; i < share->count; i++) {
        struct share_member *member = &share->members[i];

        if (strcmp(member->service->config->name, service) == 0)
            member->drained = true;
        all = all && member->drained;
    }
    return all;
}
