#include "master/child.h"

#include <event2/event.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/scoreboard.h"
#include "ipc/channel.h"
#include "master/dispatch.h"
#include "master/master_internal.h"
#include "master/spawn.h"
#include "sandbox/sandbox.h"

/* What it may take to end by itself. */
static const struct timeval grace = { .tv_sec = 5 };

const char *
child_name(const struct child *child, char text[CHILD_NAME_SIZE])
{
    if (child->role == ROLE_WORKER || child->role == ROLE_KEEPER)
        snprintf(text, CHILD_NAME_SIZE, "%s %u (pid %d)",
            role_name(child->role), child->number, (int)child->pid);
    else
        snprintf(text, CHILD_NAME_SIZE, "%s (pid %d)",
            role_name(child->role), (int)child->pid);
    return text;
}

/* It has closed its end, which it does when it ends; or it cannot be talked to
 * any more, and then it has to. */
static void
on_channel_ended(void *arg, const char *why)
{
    struct child *child = arg;
    char name[CHILD_NAME_SIZE];

    if (channel_is_offended(child->channel)) {
        log_error(NULL, "%s %s, and is killed", child_name(child, name), why);
        child_kill(child);
    } else {
        log_debug(NULL, "%s %s", child_name(child, name), why);
        event_add(child->grace, &grace);
    }
    channel_free(child->channel);
    child->channel = NULL;
}

static void
on_grace_over(evutil_socket_t fd, short what, void *arg)
{
    struct child *child = arg;
    char name[CHILD_NAME_SIZE];

    (void)fd;
    (void)what;
    log_error(NULL, "%s does not end and is killed",
        child_name(child, name));
    child_kill(child);
}

static void
on_message(void *arg, const struct message *message, const int *fds)
{
    dispatch_message(arg, message, fds[0]);
}

/* One that cannot be talked to is killed, and reaped as any other. */
static void
enlist(struct master *master, struct child *child, int fd, int log_fd)
{
    char name[CHILD_NAME_SIZE];

    child->channel = channel_new(master->base, fd, ROLE_MASTER, child->role,
        on_message, on_channel_ended, child);
    child->next = master->children;
    master->children = child;
    scoreboard_slot_set_pid(master->board, child->slot, child->pid);
    if (child->channel == NULL)
        close(fd);
    if (child_log_start(&child->log, master->base, log_fd,
            child_name(child, name), (int)child->pid) &&
        child->channel != NULL)
        return;
    log_error(NULL, "cannot talk to a new process: out of memory");
    child_kill(child);
}

/* Remembered, because it cannot be widened. */
static bool
copy_reach(struct child *child, const struct spawn *spawn)
{
    if (spawn->reach == NULL || child->master->sandbox == SANDBOX_OFF)
        return true;
    child->reach = malloc(sizeof(*child->reach));
    if (child->reach != NULL)
        *child->reach = *spawn->reach;
    return child->reach != NULL;
}

/* NULL: errno says why; 0: there are as many processes as there may be. */
static struct child *
prepare(struct master *master, struct instance *instance,
    const struct spawn *spawn)
{
    struct child *child = calloc(1, sizeof(*child));

    bool can_start;

    if (child == NULL)
        return NULL;
    child->master = master;
    child->instance = instance;
    child->role = spawn->role;
    child->number = spawn->number;
    child->started_ms = clock_now_ms();
    child->grace = evtimer_new(master->base, on_grace_over, child);
    can_start = child->grace != NULL && copy_reach(child, spawn);
    child->slot = can_start
        ? scoreboard_slot_take(master->board, (int)spawn->role, spawn->number)
        : (unsigned)SCOREBOARD_SLOTS;
    if (child->slot < SCOREBOARD_SLOTS)
        return child;
    child_free(child);
    errno = can_start ? 0 : ENOMEM;
    return NULL;
}

struct child *
child_start(
    struct master *master, struct instance *instance, const struct spawn *spawn)
{
    struct child *child = prepare(master, instance, spawn);
    struct spawn complete = *spawn;
    int fd, log_fd, why = errno;

    if (child != NULL) {
        complete.sandbox = master->sandbox;
        complete.slot = child->slot;
        child->pid = spawn_process(
            &complete, master->program_fd, &fd, &log_fd);
        if (child->pid > 0) {
            enlist(master, child, fd, log_fd);
            return child;
        }
        why = errno;
        scoreboard_slot_release(master->board, child->slot);
        child_free(child);
    }
    if (why == 0)
        log_error(NULL, "cannot start a process (%s): there are %d already, "
            "most of them finishing connections from before", role_name(
            spawn->role), SCOREBOARD_SLOTS);
    else
        log_error(NULL, "cannot start a process (%s): %s",
            role_name(spawn->role), strerror(why));
    return NULL;
}

void
child_send(struct child *child, enum message_type type, const void *fixed,
    const char *text, size_t text_length, int fd)
{
    if (child->channel != NULL)
        channel_send(child->channel, type, fixed, text, text_length, &fd,
            fd >= 0 ? 1 : 0);
}

void
child_let_go(struct child *child)
{
    if (child->channel == NULL)
        return;
    if (!channel_flush(child->channel, 0))
        log_debug(NULL, "%s did not hear its last words",
            role_name(child->role));
    channel_free(child->channel);
    child->channel = NULL;
    event_add(child->grace, &grace);
}

void
child_kill(struct child *child)
{
    child->killed = true;
    kill(child->pid, SIGKILL);
}

void
child_note_fault(struct child *child, const char *fault)
{
    if (child->fault == NULL)
        child->fault = strdup(fault);
}

void
child_forget_fault(struct child *child)
{
    free(child->fault);
    child->fault = NULL;
}

void
child_unlist(struct child *child)
{
    struct child **link = &child->master->children;

    while (*link != child)
        link = &(*link)->next;
    *link = child->next;
    scoreboard_slot_release(child->master->board, child->slot);
}

void
child_free(struct child *child)
{
    channel_free(child->channel);
    child_log_stop(&child->log);
    if (child->grace != NULL)
        event_free(child->grace);
    child_forget_fault(child);
    free(child->reach);
    free(child);
}

struct child *
child_find(struct master *master, pid_t pid)
{
    struct child *child = master->children;

    while (child != NULL && child->pid != pid)
        child = child->next;
    return child;
}
