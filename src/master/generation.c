#include "master/generation.h"

#include <unistd.h>

#include "config/config.h"

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
    *generation = none;
}

void
generations_commit(struct generations *generations)
{
    generation_clear(&generations->current);
    generations->current = generations->next;
    generations->next = none;
}
