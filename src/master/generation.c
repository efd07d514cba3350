#include "master/generation.h"

#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "config/config_share.h"
#include "net/listen_table.h"

static const struct generation none = { .bundle_fd = -1 };

void
generations_init(struct generations *generations)
{
    *generations = (struct generations){ .current = none, .next = none };
}

void
generation_clear(struct generation *generation)
{
    config_unref(generation->config);
    if (generation->bundle_fd >= 0)
        close(generation->bundle_fd);
    cert_records_clear(&generation->certs);
    strings_clear(&generation->drained);
    *generation = none;
}

void
generations_commit(struct generations *generations)
{
    generation_clear(&generations->current);
    generations->current = generations->next;
    generations->next = none;
}

bool
generation_is_drained(const struct generation *generation, uint32_t service)
{
    const char *name = generation->config->services[service].name;

    for (size_t i = 0; i < generation->drained.count; i++)
        if (strcmp(generation->drained.items[i], name) == 0)
            return true;
    return false;
}

bool
generation_drain(struct generation *generation, const char *service)
{
    return strings_add(&generation->drained, service, strlen(service));
}

bool
generation_has_drained(
    const struct generation *generation, const struct listen_socket *held)
{
    const struct listen_group *group = config_share_group(
        generation->config, held->now.service, held->now.endpoint);

    if (group == NULL)
        return generation_is_drained(generation, held->now.service);
    for (uint32_t i = 0; i < group->count; i++)
        if (!generation_is_drained(generation, group->members[i].service))
            return false;
    return true;
}
