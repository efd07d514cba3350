/*
 * The keeper's links to its workers, on which it signs what they ask for: none of
 * them more than its part, and as few messages as keep the workers busy.
 */
#ifndef ROLES_KEEPER_LINKS_H
#define ROLES_KEEPER_LINKS_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "ipc/sign_batch.h"
#include "roles/keeper_spin.h"

struct event_base;
struct keeper_keys;

struct keeper_links {
    struct event_base *base;
    struct keeper_keys *keys;
    LIST_HEAD(, keeper_link) list;
    struct sign_batch answers; /* to the message that is being read */
    uint64_t sent_ns;          /* when answers were last sent */
    uint64_t looked_ms;
    bool alone; /* on a core of its own, as far as can be told */
    struct keeper_spin spin;
    void (*ended)(void *arg);
    void *arg;
};

/* Borrows `base` and `keys`.  `ended` runs when a link has ended and is gone. */
void keeper_links_init(struct keeper_links *links, struct event_base *base,
    struct keeper_keys *keys, void (*ended)(void *arg), void *arg);

void keeper_links_close(struct keeper_links *links);

/* Takes `fd`, a channel to a worker.  `listen`: as below. */
void keeper_links_add(struct keeper_links *links, int fd, bool listen);

/* Whether workers are heard; what they ask for waits in their sockets else. */
void keeper_links_listen(struct keeper_links *links, bool listen);

bool keeper_links_is_empty(const struct keeper_links *links);

/* Whether to look for the next request rather than sleep: keeper_spin.h. */
bool keeper_links_spins(struct keeper_links *links);

#endif
