/*
 * Accepts at a listening socket without ever spinning.
 *
 * Out of descriptors or memory, accepting pauses for a moment and tries again;
 * the connections wait in the kernel's queue meanwhile.
 */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include <sys/socket.h>

#include <stdbool.h>

#include "base/base.h"

struct listener;
struct loop;

/* The owner's part.  Each may pause the listener; none may free it. */
struct listener_calls {
    /* Before each accept(2): whether there may be one more connection. */
    bool (*may_accept)(void *arg);

    /* Takes `fd`, a non-blocking socket. */
    void (*accepted)(
        void *arg, int fd, const struct sockaddr *peer, socklen_t length);

    /* What may_accept() agreed to did not come. */
    void (*nothing)(void *arg);

    /* Accepting pauses for lack of descriptors or memory; `error` is an errno.
     * At most once a second in the whole process. */
    void (*exhausted)(void *arg, int error);

    /* The socket does not listen any more; `error` is accept(2)'s.  It is not
     * looked at again, and this runs once. */
    void (*dead)(void *arg, int error);
};

/* Takes `fd`, non-blocking and listening, and begins to accept.  Other
 * processes may have the same socket.  `calls` must outlive the listener.
 * NULL: out of memory; the caller still has `fd`. */
NODISCARD struct listener *listener_adopt(struct loop *loop, int fd,
    const struct listener_calls *calls, void *arg);

/* Stops accepting and closes the socket, at the latest with the loop. */
void listener_free(struct listener *listener);

/* Whether dead() has run. */
bool listener_is_dead(const struct listener *listener);

/* Stops and goes on accepting; clients wait in the kernel's queue. */
void listener_pause(struct listener *listener);
void listener_resume(struct listener *listener);

/* Accepts all clients in the queue now, paused or not, but never more than a
 * queue can hold; may_accept() is called for each. */
void listener_drain(struct listener *listener);

#endif
