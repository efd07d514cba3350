/*
 * The control socket: clients that ask one question each.
 *
 *     client: status\n                    (control_request.h)
 *     server: ok\n, failed\n or again\n, then text, then the end of the stream
 *
 * A client that asks nothing within five seconds is dropped, and at once, the
 * oldest first, when all 16 places are taken and another client connects; one
 * that does not read its answer is dropped after ten.  While all 16 have asked,
 * more clients wait in the kernel's queue.  Only root and the owner are served.
 */
#ifndef ADMIN_CONTROL_H
#define ADMIN_CONTROL_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "admin/control_request.h"
#include "base/base.h"

struct control;
struct event_base;

enum control_outcome {
    CONTROL_OK,
    CONTROL_FAILED,
    CONTROL_AGAIN, /* another daemon listens here now, and will answer */
};

enum {
    CONTROL_CLIENTS_MAX = 16,
    CONTROL_ANSWER_MAX = 1 << 20, /* bytes of text; then it ends with "..." */
};

/* Each client has a number that no other has had for a long time: an answer to
 * one that has left goes nowhere. */
struct control_handler {
    /* Must lead to control_finish() sooner or later; may call it. */
    void (*asked)(void *arg, uint32_t client,
        const struct control_request *request);
    /* The time given by control_expect() is over. */
    void (*late)(void *arg, uint32_t client,
        const struct control_request *request);
    void *arg;
};

/* Serves `listen_fd`, which stays the caller's.  NULL: out of memory.  The
 * process must ignore SIGPIPE. */
NODISCARD struct control *control_new(struct event_base *base, int listen_fd,
    uid_t owner, const struct control_handler *handler);
void control_free(struct control *control);

/* What the client has asked; NULL: it has left, or has its answer. */
const struct control_request *control_asked(
    const struct control *control, uint32_t client);

/* The process that connected, as the kernel knows it; 0: the client has left, or
 * has its answer. */
pid_t control_pid(const struct control *control, uint32_t client);

/* Calls the handler's `late` unless the answer is finished within `ms`. */
void control_expect(struct control *control, uint32_t client, uint64_t ms);

/* Adds text to the answer, which is sent when it is finished: only then is it
 * known what its first line is.  A newline is added if the text has none at its
 * end. */
void control_say(struct control *control, uint32_t client, const char *text,
    size_t length);
void control_finish(struct control *control, uint32_t client,
    enum control_outcome outcome);

/* Another process accepts from now on; clients accepted here are answered. */
void control_stop_accepting(struct control *control);

/* Stops accepting, finishes all open answers with `why` as failed, and drops
 * clients that have not asked.  Answers still go out while the loop turns. */
void control_end(struct control *control, const char *why);

size_t control_clients(const struct control *control);

#endif
