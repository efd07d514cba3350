#include "master/oversight.h"

#include <event2/event.h>

#include "base/log.h"
#include "master/child.h"
#include "master/listen_check.h"
#include "master/master_internal.h"

enum {
    LOOK_S = 1,
    DEATH_S = 10, /* a process that has been killed may wait for a device */
};

/* The trial has a deadline in its rollout, a child without a channel a timer:
 * child_let_go(). */
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

/* A stop ends, even if the kernel keeps a process. */
static bool
waits_in_vain(const struct master *master)
{
    const struct child *each = master->children;

    while (each != NULL && each->killed_s > DEATH_S)
        each = each->next;
    return master->stopping && each == NULL && master->children != NULL;
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
    struct master *master = arg;

    (void)fd;
    (void)what;
    for (struct child *each = master->children; each != NULL;
         each = each->next)
        look_at(each);
    listen_check(master);
    if (!waits_in_vain(master))
        return;
    log_error(NULL, "processes that were killed do not go, and are left "
        "behind: the kernel keeps them waiting for a device");
    event_base_loopbreak(master->base);
}

bool
oversight_start(struct master *master)
{
    static const struct timeval every = { .tv_sec = LOOK_S };
    struct oversight *oversight = &master->oversight;

    oversight->timer =
        event_new(master->base, -1, EV_PERSIST, on_look, master);
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
