#include "process/child.h"

#include <event2/event.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/board.h"
#include "base/clock.h"
#include "base/log.h"
#include "process/channel.h"
#include "process/hear.h"
#include "process/master_parts.h"
#include "process/sandbox.h"
#include "process/spawn.h"

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
    hear(arg, message, fds[0]);
}

/* One that cannot be talked to is killed, and reaped as any other. */
static void
enlist(struct master *master, struct child *child, int fd)
{
    child->channel = channel_new(master->base, fd, ROLE_MASTER, child->role,
        on_message, on_channel_ended, child);
    child->next = master->children;
    master->children = child;
    board_slot_set_pid(master->board, child->slot, child->pid);
    if (child->channel != NULL)
        return;
    log_error(NULL, "cannot talk to a new process: out of memory");
    close(fd);
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

/* NULL: errno says why. */
static struct child *
prepare(struct master *master, struct post *post, const struct spawn *spawn)
{
    struct child *child = calloc(1, sizeof(*child));

    if (child == NULL)
        return NULL;
    child->master = master;
    child->post = post;
    child->role = spawn->role;
    child->number = spawn->number;
    child->started_ms = clock_now_ms();
    child->grace = evtimer_new(master->base, on_grace_over, child);
    child->slot = child->grace != NULL && copy_reach(child, spawn)
        ? board_slot_take(master->board, (int)spawn->role, spawn->number)
        : (unsigned)BOARD_SLOTS;
    if (child->slot < BOARD_SLOTS)
        return child;
    child_free(child);
    errno = EAGAIN;
    return NULL;
}

struct child *
child_start(
    struct master *master, struct post *post, const struct spawn *spawn)
{
    struct child *child = prepare(master, post, spawn);
    struct spawn confined = *spawn;
    int fd, why = errno;

    confined.sandbox = master->sandbox;
    if (child != NULL) {
        child->pid = spawn_process(&confined, child->slot, &fd);
        if (child->pid > 0) {
            enlist(master, child, fd);
            return child;
        }
        why = errno;
        board_slot_release(master->board, child->slot);
        child_free(child);
    }
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
child_unlist(struct child *child)
{
    struct child **link = &child->master->children;

    while (*link != child)
        link = &(*link)->next;
    *link = child->next;
    board_slot_release(child->master->board, child->slot);
}

void
child_free(struct child *child)
{
    channel_free(child->channel);
    if (child->grace != NULL)
        event_free(child->grace);
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
