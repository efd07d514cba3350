#include "master/change.h"

#include <string.h>

static void
begin_change(struct changes *changes, enum change_kind kind)
{
    changes->running = kind;
    changes->calls->begin[kind](changes->arg);
}

/* A change that begins may be done at once, and then it has begun what is pending
 * itself. */
static void
begin_pending(struct changes *changes)
{
    for (enum change_kind kind = CHANGE_NONE + 1; kind < CHANGE_KINDS; kind++)
        if (changes->running == CHANGE_NONE && change_withdraw(changes, kind))
            begin_change(changes, kind);
}

void
change_request(struct changes *changes, enum change_kind kind)
{
    if (changes->stopped)
        return;
    if (changes->running == CHANGE_NONE)
        begin_change(changes, kind);
    else if (changes->running != kind || kind != CHANGE_UPGRADE)
        changes->pending[kind] = true;
}

void
change_done(struct changes *changes, enum change_kind kind,
    const struct error *error)
{
    if (changes->stopped)
        return;
    changes->running = CHANGE_NONE;
    changes->calls->done(changes->arg, kind, error);
    if (changes->running == CHANGE_NONE && !changes->stopped)
        changes->calls->idle(changes->arg);
    begin_pending(changes);
}

bool
change_withdraw(struct changes *changes, enum change_kind kind)
{
    bool was = changes->pending[kind];

    changes->pending[kind] = false;
    return was;
}

void
change_stop(struct changes *changes)
{
    changes->stopped = true;
    changes->running = CHANGE_NONE;
    memset(changes->pending, 0, sizeof(changes->pending));
}
