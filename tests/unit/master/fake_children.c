#include "fake_children.h"

#include <event2/event.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/scoreboard.h"
#include "ipc/message.h"
#include "master/spawn.h"

enum { SAID_SIZE = 4096, NAME_SIZE = 24 };

static char said[SAID_SIZE], told[SAID_SIZE];
static enum role refused = ROLE_MASTER;
static char some_channel; /* its address stands for a channel */

void
fake_children_say(const char *format, ...)
{
    size_t length = strlen(said);
    va_list arguments;

    if (length > 0 && length + 1 < sizeof(said))
        said[length++] = ' ';
    va_start(arguments, format);
    vsnprintf(said + length, sizeof(said) - length, format, arguments);
    va_end(arguments);
}

const char *
fake_children_said(void)
{
    memcpy(told, said, sizeof(told));
    said[0] = '\0';
    return told;
}

void
fake_children_refuse(enum role role)
{
    refused = role;
}

static const char *
short_name(const struct child *child, char name[NAME_SIZE])
{
    if (child->role == ROLE_WORKER || child->role == ROLE_KEEPER)
        snprintf(name, NAME_SIZE, "%c%u", role_name(child->role)[0],
            child->number);
    else
        snprintf(name, NAME_SIZE, "%s", role_name(child->role));
    return name;
}

static void
say_of(const struct child *child, const char *what)
{
    char name[NAME_SIZE];

    fake_children_say("%s%s", short_name(child, name), what);
}

struct child *
__wrap_child_start(struct children *children, struct instance *instance,
    const struct spawn *spawn)
{
    struct child *child;

    if (spawn->role == refused)
        return NULL;
    child = calloc(1, sizeof(*child));
    cr_assert_not_null(child);
    child->children = children;
    child->instance = instance;
    child->role = spawn->role;
    child->number = spawn->number;
    child->pid = getpid();
    child->channel = (struct channel *)&some_channel;
    child->slot = scoreboard_slot_take(
        children->board, (int)spawn->role, spawn->number);
    if (spawn->reach != NULL) {
        child->reach = malloc(sizeof(*child->reach));
        cr_assert_not_null(child->reach);
        *child->reach = *spawn->reach;
    }
    LIST_INSERT_HEAD(&children->list, child, link);
    say_of(child, "+");
    return child;
}

void
__wrap_child_send(struct child *child, enum message_type type,
    const void *fixed, const char *text, size_t text_length, int fd)
{
    char what[64];

    (void)fixed;
    (void)text;
    (void)text_length;
    (void)fd;
    snprintf(what, sizeof(what), "<%s", message_name(type));
    say_of(child, what);
}

void
__wrap_child_stop(struct child *child)
{
    child->channel = NULL;
    say_of(child, ".");
}

void
__wrap_child_kill(struct child *child)
{
    child->killed = true;
    say_of(child, "!");
}

void
__wrap_channel_hear_out(struct channel *channel)
{
    (void)channel;
}

static void
on_ready(void *arg)
{
    (void)arg;
    fake_children_say("ready");
}

void
fake_children_init(struct fake_children *fake, bool keeps_keys)
{
    const struct supervisor_parts parts = {
        .children = &fake->children,
        .generations = &fake->generations,
        .sockets = &fake->sockets,
        .account = &fake->account,
        .keeper_account = &fake->account,
        .keeps_keys = keeps_keys,
        .ready = on_ready,
    };

    memset(fake, 0, sizeof(*fake));
    said[0] = '\0';
    refused = ROLE_MASTER;
    fake->children.base = event_base_new();
    fake->children.board = scoreboard_new();
    cr_assert(
        fake->children.base != NULL && fake->children.board != NULL);
    LIST_INIT(&fake->children.list);
    generations_init(&fake->generations);
    supervisor_init(&fake->supervisor, &parts);
}

static void
unlist_child(struct child *child)
{
    LIST_REMOVE(child, link);
    scoreboard_slot_release(child->children->board, child->slot);
}

static void
free_child(struct child *child)
{
    free(child->fault);
    free(child->reach);
    free(child);
}

void
fake_children_clear(struct fake_children *fake)
{
    supervisor_clear(&fake->supervisor);
    while (!LIST_EMPTY(&fake->children.list)) {
        struct child *child = LIST_FIRST(&fake->children.list);

        unlist_child(child);
        free_child(child);
    }
    generation_clear(&fake->generations.current);
    generation_clear(&fake->generations.next);
    scoreboard_free(fake->children.board);
    event_base_free(fake->children.base);
}

struct child *
fake_children_find(const struct fake_children *fake, const char *name)
{
    struct child *each;
    char text[NAME_SIZE];

    LIST_FOREACH(each, &fake->children.list, link)
        if (strcmp(short_name(each, text), name) == 0)
            return each;
    cr_assert_fail("there is no %s", name);
    return NULL;
}

void
fake_children_end(struct fake_children *fake, struct child *child,
    void (*ended)(void *arg, struct child *child), void *arg)
{
    struct instance *instance = child->instance;

    if (instance != NULL)
        instance->child = NULL;
    unlist_child(child);
    supervisor_child_ended(&fake->supervisor, child);
    if (ended != NULL)
        ended(arg, child);
    free_child(child);
    if (instance != NULL)
        instance_restart(instance, 0);
}
