#include "process/fleet_parts.h"

#include "base/board.h"
#include "process/child.h"
#include "process/master_parts.h"
#include "process/sandbox.h"

/* So that a configuration that changes again and again under connections that
 * stay does not add processes without end: three for each of the most workers,
 * and the others, find room on the board. */
enum { RELIEVED_MAX = 2 };

bool
fleet_must_end_reliefs(const struct post *post)
{
    unsigned count = 0;

    for (const struct child *each = post->master->children; each != NULL;
         each = each->next)
        count += each->role == ROLE_WORKER && each->post == NULL &&
            each->number == post->number && !each->killed &&
            board_slot_active(post->master->board, each->slot, BOARD_ALL) > 0;
    return count >= RELIEVED_MAX;
}

bool
fleet_is_being_relieved(const struct master *master)
{
    const struct child *each = master->children;

    while (each != NULL && (each->role != ROLE_WORKER || each->post != NULL ||
        each->channel == NULL || each->switching != master->generation))
        each = each->next;
    return each != NULL;
}

bool
fleet_reaches_anywhere(const struct master *master)
{
    const struct child *each = master->children;

    while (each != NULL && (each->reach == NULL || !each->reach->anywhere))
        each = each->next;
    return each != NULL;
}

void
fleet_relieve(struct post *post)
{
    struct fleet *fleet = &post->master->fleet;
    struct inbox *inbox = &fleet->inboxes[post->number];

    fleet->reliefs[post->number] = (struct relief){
        .pending = true, .worker = post->child, .inbox = *inbox,
    };
    *inbox = (struct inbox){ .read_fd = -1, .send_fd = -1 };
    post->child->post = NULL;
    post->child = NULL;
    post_fill(post);
}

void
fleet_confirm_reliefs(struct master *master)
{
    for (unsigned i = 0; i < WORKERS_MAX; i++) {
        struct relief *relief = &master->fleet.reliefs[i];

        if (!relief->pending)
            continue;
        if (relief->worker != NULL)
            fleet_send_home(relief->worker, master->generation);
        fleet_close_inbox(&relief->inbox);
        relief->pending = false;
    }
}

static void
reinstate(struct fleet *fleet, struct post *post, struct relief *relief)
{
    struct child *late = post->child;

    post->child = relief->worker;
    if (post->child != NULL)
        post->child->post = post;
    relief->pending = false;
    if (late != NULL) {
        fleet_forget_inbox(fleet, late);
        late->post = NULL;
        child_kill(late);
    }
    fleet_close_inbox(&fleet->inboxes[post->number]);
    fleet->inboxes[post->number] = relief->inbox;
    post_fill(post);
}

void
fleet_revoke_reliefs(struct master *master)
{
    struct fleet *fleet = &master->fleet;

    for (unsigned i = 0; i < WORKERS_MAX; i++)
        if (fleet->reliefs[i].pending)
            reinstate(fleet, &fleet->workers[i], &fleet->reliefs[i]);
}

void
fleet_forget_relief(struct fleet *fleet, const struct child *worker)
{
    struct relief *relief = &fleet->reliefs[worker->number];

    if (relief->worker == worker)
        relief->worker = NULL;
}

bool
fleet_was_relieved(const struct child *worker)
{
    const struct relief *relief =
        &worker->master->fleet.reliefs[worker->number];

    return worker->role == ROLE_WORKER && worker->post == NULL &&
        relief->pending && relief->worker == NULL;
}
