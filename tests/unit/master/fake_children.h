/*
 * Children without processes: tests of the modules above child.c see every message
 * that would be sent, and every start and end, as words.
 *
 * For tests that tests/unit/CMakeLists.txt links with the wrapped functions
 * child_start, child_send, child_stop, child_kill and channel_hear_out.
 */
#ifndef TESTS_MASTER_FAKE_CHILDREN_H
#define TESTS_MASTER_FAKE_CHILDREN_H

#include <stdarg.h>
#include <stdbool.h>

#include "master/child.h"
#include "master/generation.h"
#include "master/supervisor.h"
#include "net/listen_table.h"
#include "sandbox/privileges.h"

/* Starts nothing yet; `keeps_keys` as in struct supervisor_parts. */
struct fake_children {
    struct children children;
    struct generations generations;
    struct listen_table sockets;
    struct account account;
    struct supervisor supervisor;
};

void fake_children_init(struct fake_children *fake, bool keeps_keys);

/* Frees every child that is left, and all else. */
void fake_children_clear(struct fake_children *fake);

/* What happened since the last call, in words with blanks between them: "w0+"
 * started, "w0<prepare" was sent that message, "w0." its channel was closed,
 * "w0!" killed; "k0", "scout", "admin" and "trial" the same. */
const char *fake_children_said(void);

/* Adds to that. */
void fake_children_say(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* Does not start a child of this role until it is told another; ROLE_MASTER:
 * starts all. */
void fake_children_refuse(enum role role);

/* The child of that name that was started last and has not ended; fails the test
 * if there is none. */
struct child *fake_children_find(
    const struct fake_children *fake, const char *name);

/* Ends the child as the master's dispatch does, but for what it does with a
 * rollout and the sockets: `ended` (may be NULL) runs in their place. */
void fake_children_end(struct fake_children *fake, struct child *child,
    void (*ended)(void *arg, struct child *child), void *arg);

struct child *__wrap_child_start(struct children *children,
    struct instance *instance, const struct spawn *spawn);
void __wrap_child_send(struct child *child, enum message_type type,
    const void *fixed, const char *text, size_t text_length, int fd);
void __wrap_child_stop(struct child *child);
void __wrap_child_kill(struct child *child);
void __wrap_channel_hear_out(struct channel *channel);

#endif
