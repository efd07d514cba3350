#include "master/instance.h"

#include <event2/event.h>

#include <stddef.h>

#include "base/clock.h"
#include "base/log.h"
#include "master/child.h"

enum {
    YOUNG_MS = 5000,
    PAUSE_FIRST_MS = 200, /* the second in a row; the first is free */
    PAUSE_MOST_MS = 30000,
    PAUSE_NO_FORK_MS = 1000, /* the system has nothing to spare now */
};

static void
on_restart_due(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    instance_start(arg);
}

static void
start_later(struct instance *instance, uint64_t delay_ms)
{
    struct timeval delay = clock_span(delay_ms);

    instance->ops->vacant(instance);
    if (instance->retry == NULL)
        instance->retry = evtimer_new(instance->base, on_restart_due, instance);
    if (instance->retry == NULL || event_add(instance->retry, &delay) < 0)
        log_error(NULL, "%s %u is not started again: out of memory",
            role_name(instance->role), instance->number);
}

uint64_t
instance_pause_ms(unsigned early_deaths)
{
    uint64_t pause = PAUSE_FIRST_MS;

    if (early_deaths < 2)
        return 0;
    for (unsigned i = 2; i < early_deaths && pause < PAUSE_MOST_MS; i++)
        pause *= 2;
    return pause < PAUSE_MOST_MS ? pause : PAUSE_MOST_MS;
}

void
instance_start(struct instance *instance)
{
    instance->wanted = true;
    if (instance->child != NULL)
        return;
    instance->child = instance->ops->start(instance);
    if (instance->child != NULL)
        instance->ops->started(instance);
    else
        start_later(instance, PAUSE_NO_FORK_MS);
}

struct child *
instance_release(struct instance *instance)
{
    struct child *child = instance->child;

    instance->wanted = false;
    instance->child = NULL;
    instance->early_deaths = 0;
    if (instance->retry != NULL)
        event_free(instance->retry);
    instance->retry = NULL;
    if (child != NULL)
        child->instance = NULL;
    return child;
}

void
instance_restart(struct instance *instance, uint64_t lived_ms)
{
    uint64_t pause;

    if (lived_ms < YOUNG_MS)
        instance->early_deaths++;
    else
        instance->early_deaths = 0;
    if (!instance->wanted)
        return;
    pause = instance_pause_ms(instance->early_deaths);
    if (pause == 0) {
        instance_start(instance);
        return;
    }
    log_error(NULL,
        "%s %u ended early %u times in a row; it is started again in %llu ms",
        role_name(instance->role), instance->number, instance->early_deaths,
        (unsigned long long)pause);
    start_later(instance, pause);
}
