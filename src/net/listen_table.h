/*
 * The daemon's listening sockets, as the master holds them.
 *
 * A socket that is in the table outlives workers and reloads.  While a new
 * configuration is tried its sockets are *wanted*; listen_table_commit() then
 * keeps those and gives up the others, or listen_table_rollback() gives up what
 * was added. They are its own, or lent by a service manager.
 */
#ifndef NET_LISTEN_TABLE_H
#define NET_LISTEN_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "net/listener_bind.h"

struct names_check;
struct config;
struct error;

/* The service of a socket, in one configuration. */
struct socket_use {
    uint32_t service; /* index in the configuration */
    uint32_t endpoint; /* and that of its listen endpoint: of a group
                        * (config_share.h) the home */
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

struct listen_socket {
    uint64_t id;
    struct listener_socket socket;
    struct socket_use now, next;
    bool serves; /* in force: `now` holds */
    bool wanted; /* by the configuration that is being tried: `next` holds */
    bool noted;  /* the log has told of it */
    bool broken; /* it does not listen, and cannot be made to */
    unsigned cover; /* the number, plus one, of the worker that serves it in
                     * place of its own (supervisor_cover_sockets()); 0: none */
    bool stored; /* the service manager keeps it: its path stays when we end */
};

struct listen_table {
    struct listen_socket *items;
    size_t count;
    uint64_t last_address_id;

    /* Runs before a socket that was in force or added is closed for good, but
     * not at the end, when all are; may be NULL. */
    void (*given_up)(void *arg, const struct listen_socket *held);
    void *arg;
};

/* Whether the service manager has passed it (activation.h).  A passed socket
 * is kept as long as the master lives, for it cannot be made again; it may have
 * no service for a while. */
bool listen_socket_is_passed(const struct listen_socket *held);

/* Whether all processes share it: a unix socket's path leads to one socket, and
 * of those that are passed there is one, too. */
bool listen_socket_is_shared(const struct listen_socket *held);

/* More than that take too long to hand from process to process. */
enum { SOCKETS_MAX = 8192 };

/* Frees the table and closes all; `leave`: unix paths stay, another process
 * serves them.  Paths of stored sockets always stay. */
void listen_table_free(struct listen_table *sockets, bool leave);

/* NULL: there is none. */
struct listen_socket *listen_table_find(
    const struct listen_table *sockets, const char *text, unsigned index);

/* Takes what `socket` holds.  NULL: out of memory, nothing taken. */
NODISCARD struct listen_socket *listen_table_add(
    struct listen_table *sockets, const struct listener_socket *socket);

/* What binding takes beside the configuration. */
struct listen_table_facts {
    unsigned count; /* of sockets for each TCP address */
    const struct names_check *names;
};

/* Binds what `config` wants and is not there, and marks all it wants.  False:
 * every fault is in `error`. */
NODISCARD bool listen_table_bind(struct listen_table *sockets,
    const struct config *config, const struct listen_table_facts *facts,
    struct error *error);

/* What is wanted is in force from now on; the rest is closed. */
void listen_table_commit(struct listen_table *sockets);

/* Gives each socket the options, backlog, mode and owner that `config`, which is
 * in force, asks for now.  What cannot be changed is logged. */
void listen_table_refresh(struct listen_table *sockets,
    const struct config *config);

/* Closes what was added and is not in force. */
void listen_table_rollback(struct listen_table *sockets);

/* Closes those at once that serve nobody any more, as `is_over` says.  False: there
 * are none. */
bool listen_table_close_those(struct listen_table *sockets,
    bool (*is_over)(const struct listen_socket *held, const void *arg),
    const void *arg);

#endif
