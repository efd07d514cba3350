#include "master/oversight.h"

#include <event2/event.h>

#include "base/log.h"
#include "master/child.h"

enum {
    LOOK_S = 1,
    DEATH_S = 10, /* a process that has been killed may wait for a device */
};

/* The trial has a deadline in its rollout, a child without a channel a timer:
 * child_stop(). */
static void
look_at(struct child *child)
{
    char name[CHILD_NAME_SIZE];
    const char *failed;

    if (child->killed) {
        child->killed_s++;
        return;
    }
    if (child->role == ROLE_TRIAL || child->channel == NULL)
        return;
    failed = liveness_tick(&child->liveness);
    if (failed == NULL)
        return;
    log_error(NULL, "%s %s, and is killed", child_name(child, name), failed);
    child_kill(child);
}

/* Whether there are only children that do not go. */
static bool
are_dead(const struct children *children)
{
    const struct child *each;

    LIST_FOREACH(each, &children->list, link)
        if (each->killed_s <= DEATH_S)
            return false;
    return !LIST_EMPTY(&children->list);
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
    const struct oversight *oversight = arg;
    struct child *each;

    (void)fd;
    (void)what;
    LIST_FOREACH(each, &oversight->children->list, link)
        look_at(each);
    oversight->looked(oversight->arg, are_dead(oversight->children));
}

bool
oversight_start(struct oversight *oversight, struct children *children,
    oversight_fn *looked, void *arg)
{
    static const struct timeval every = { .tv_sec = LOOK_S };

    *oversight = (struct oversight){
        .children = children,
        .looked = looked,
        .arg = arg,
    };
    oversight->timer =
        event_new(children->base, -1, EV_PERSIST, on_look, oversight);
    return oversight->timer != NULL &&
        event_add(oversight->timer, &every) == 0;
}

void
oversight_stop(struct oversight *oversight)
{
    if (oversight->timer != NULL)
        event_free(oversight->timer);
    oversight->timer = NULL;
}
