/*
 * Sockets that a service manager passes at the start (sd_listen_fds(3)): those
 * of .socket units, which services listen on as systemd:NAME, and those that it
 * has kept for us (fdstore.h).
 */
#ifndef SYSTEMD_ACTIVATION_H
#define SYSTEMD_ACTIVATION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct config;
struct error;
struct listen_table;

struct passed {
    int fd; /* -1: taken */
    char *name;
};

struct activation {
    struct passed *items;
    size_t count;
};

/* Takes what the environment names, if it was meant for this process, and has
 * the environment forget it. */
void activation_take(struct activation *activation);
void activation_free(struct activation *activation);

/* Hands what is left to `sockets`, as "systemd:NAME"; several of one name get
 * several indices.  False: what is no listening stream socket is in `error`. */
NODISCARD bool activation_lend(struct activation *activation,
    struct listen_table *sockets, struct error *error);

/* Whether what `config` wants was passed and, if `strict`, nothing else. */
NODISCARD bool activation_match(const struct listen_table *sockets,
    const struct config *config, bool strict, struct error *error);

/* Warns of passed sockets that no service listens on. */
void activation_warn(const struct listen_table *sockets);

#endif
