/*
 * The daemon's listening sockets, as the master holds them.
 *
 * A socket that is in the table outlives workers and reloads.  While a new
 * configuration is tried its sockets are *wanted*; sockets_settle() then keeps
 * those and gives up the others, or sockets_revert() gives up what was added.
 * They are its own, or lent by a service manager.
 */
#ifndef PROCESS_SOCKETS_H
#define PROCESS_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "net/listener_bind.h"

struct config;
struct error;

/* Who a socket serves, in one configuration. */
struct socket_use {
    uint32_t service; /* index in the configuration */
    bool tls;
};

/* A socket's id is the same all its life and never given again.  Its upper part
 * is its address's, which all sockets of the address have in common. */
enum { SOCKET_INDEX_BITS = 8 };
static inline uint64_t
socket_address_id(uint64_t id)
{
    return id >> SOCKET_INDEX_BITS;
}

struct held_socket {
    uint64_t id;
    struct listener_socket socket;
    struct socket_use now, next;
    bool serves; /* in force: `now` holds */
    bool wanted; /* by the configuration that is being tried: `next` holds */
    bool noted;  /* the log has told of it */
    bool stored; /* the service manager keeps it: its path stays when we end */
};

struct sockets {
    struct held_socket *items;
    size_t count;
    uint64_t last_address_id;

    /* Runs before a socket that was in force or added is closed for good, but
     * not at the end, when all are; may be NULL. */
    void (*given_up)(void *arg, const struct held_socket *held);
    void *arg;
};

/* Whether the service manager has passed it (activation.h).  Such a one is kept
 * as long as the master lives, for it cannot be made again; it may serve nobody
 * for a while. */
bool held_socket_is_lent(const struct held_socket *held);

/* Whether all processes share it: a unix socket's path leads to one socket, and
 * of those that are passed there is one, too. */
bool held_socket_is_shared(const struct held_socket *held);

/* More than that take too long to hand from process to process. */
enum { SOCKETS_MAX = 8192 };

/* Frees the table and closes all; `leave`: unix paths stay, somebody else
 * serves them.  So do those of stored sockets. */
void sockets_free(struct sockets *sockets, bool leave);

/* NULL: there is none. */
struct held_socket *sockets_find(
    const struct sockets *sockets, const char *text, unsigned index);

/* Takes what `socket` holds.  NULL: out of memory, nothing taken. */
NODISCARD struct held_socket *sockets_add(
    struct sockets *sockets, const struct listener_socket *socket);

/* Binds what `config` wants and is not there, `count` sockets for each TCP
 * address, and marks all it wants.  May block.  False: every fault is in
 * `error`. */
NODISCARD bool sockets_bind(struct sockets *sockets,
    const struct config *config, unsigned count, struct error *error);

/* What is wanted is in force from now on; the rest is closed. */
void sockets_settle(struct sockets *sockets);

/* Gives each socket the options, backlog, mode and owner that `config`, which is
 * in force, asks for now.  What cannot be changed is logged. */
void sockets_refresh(struct sockets *sockets, const struct config *config);

/* Closes what was added and is not in force. */
void sockets_revert(struct sockets *sockets);

/* Closes those of one service at once.  False: it has none. */
bool sockets_close_service(struct sockets *sockets, uint32_t service);

#endif
