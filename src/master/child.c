#include "master/child.h"

#include <event2/event.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/process.h"
#include "base/scoreboard.h"
#include "ipc/channel.h"
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

static void
limit_life(struct child *child)
{
    if (event_add(child->grace, &grace) < 0)
        child_kill(child);
}

/* The child has closed its end of the channel, which it does when it ends; or the
 * channel is broken, and then the child has to end. */
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
        limit_life(child);
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

/* False: the message is dropped, and the child is killed or was. */
static bool
may_send(struct child *child, const struct message *message)
{
    char name[CHILD_NAME_SIZE];
    const char *wrong;

    if (child->killed)
        return false;
    wrong = conduct_judge(
        &child->conduct, child->role, message->type, clock_now_ms());
    if (wrong == NULL)
        return true;
    log_error(NULL, "%s says \"%s\" %s, and is killed",
        child_name(child, name), message_name(message->type), wrong);
    child_kill(child);
    return false;
}

static void
pass_child_message(void *arg, const struct message *message, const int *fds)
{
    struct child *child = arg;
    const struct children *children = child->children;

    if (may_send(child, message))
        children->calls->handlers[message->type](
            children->arg, child, message, fds[0]);
    else if (fds[0] >= 0)
        close(fds[0]);
}

static channel_message_fn *const handlers[] = {
    [0 ... MESSAGE_TYPE_COUNT - 1] = pass_child_message,
};

/* A child without a channel is killed, and waited for as any other. */
static void
enlist_child(struct child *child, int fd, int log_fd)
{
    struct children *children = child->children;
    char name[CHILD_NAME_SIZE];

    child->channel = channel_new(children->base, fd, ROLE_MASTER, child->role,
        handlers, on_channel_ended, child);
    conduct_expect(&child->conduct, MESSAGE_READY);
    LIST_INSERT_HEAD(&children->list, child, link);
    scoreboard_slot_set_pid(children->board, child->slot, child->pid);
    if (child->channel == NULL)
        close(fd);
    if (child_log_start(&child->log, children->base, log_fd,
            child_name(child, name), (int)child->pid) &&
        child->channel != NULL)
        return;
    log_error(NULL, "cannot talk to a new process: out of memory");
    child_kill(child);
}

/* The reach is remembered, because a process cannot widen it. */
static bool
copy_reach(struct child *child, const struct spawn *spawn)
{
    if (spawn->reach == NULL || child->children->sandbox == SANDBOX_OFF)
        return true;
    child->reach = malloc(sizeof(*child->reach));
    if (child->reach != NULL)
        *child->reach = *spawn->reach;
    return child->reach != NULL;
}

static void
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

/* NULL: errno says why; 0: there are as many processes as there may be. */
static struct child *
child_new(struct children *children, struct instance *instance,
    const struct spawn *spawn)
{
    struct child *child = calloc(1, sizeof(*child));
    bool can_start;

    if (child == NULL)
        return NULL;
    child->children = children;
    child->instance = instance;
    child->role = spawn->role;
    child->number = spawn->number;
    child->started_ms = clock_now_ms();
    child->grace = evtimer_new(children->base, on_grace_over, child);
    can_start = child->grace != NULL && copy_reach(child, spawn);
    child->slot = can_start
        ? scoreboard_slot_take(
              children->board, (int)spawn->role, spawn->number)
        : (unsigned)SCOREBOARD_SLOTS;
    if (child->slot < SCOREBOARD_SLOTS)
        return child;
    child_free(child);
    errno = can_start ? 0 : ENOMEM;
    return NULL;
}

struct child *
child_start(struct children *children, struct instance *instance,
    const struct spawn *spawn)
{
    struct child *child = child_new(children, instance, spawn);
    struct spawn complete = *spawn;
    int fd, log_fd, why = errno;

    if (child != NULL) {
        complete.sandbox = children->sandbox;
        complete.slot = child->slot;
        child->pid = spawn_process(
            &complete, children->program_fd, &fd, &log_fd);
        if (child->pid > 0) {
            enlist_child(child, fd, log_fd);
            return child;
        }
        why = errno;
        scoreboard_slot_release(children->board, child->slot);
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
child_stop(struct child *child)
{
    if (child->channel == NULL)
        return;
    if (!channel_flush(child->channel, 0))
        log_debug(NULL, "%s was not sent its last messages",
            role_name(child->role));
    channel_free(child->channel);
    child->channel = NULL;
    limit_life(child);
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

/* A child that was killed has been logged with the reason already. */
static bool
is_expected_end(const struct child *child, int status)
{
    bool well = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;

    return (well || child->killed) && child->instance == NULL;
}

/* What the child has still sent is read first: it may have ended because all
 * was said.  It is off the scoreboard before another takes its place there. */
bool
child_reap(struct children *children, pid_t pid, int status)
{
    struct child *child = child_find(children, pid);
    char name[CHILD_NAME_SIZE], text[PROCESS_STATUS_SIZE];

    if (child == NULL)
        return false;
    if (child->channel != NULL)
        channel_hear_out(child->channel);
    child_log_drain(&child->log);
    if (!is_expected_end(child, status))
        log_error(NULL, "%s %s", child_name(child, name),
            process_status(status, text));
    LIST_REMOVE(child, link);
    scoreboard_slot_release(children->board, child->slot);
    children->calls->ended(children->arg, child);
    child_free(child);
    return true;
}

struct child *
child_find(const struct children *children, pid_t pid)
{
    struct child *child;

    LIST_FOREACH(child, &children->list, link)
        if (child->pid == pid)
            return child;
    return NULL;
}
