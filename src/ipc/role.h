/*
 * The table of roles: what each kind of process is called, what it finds when it
 * begins, and what it may have once it is confined.  Every folder that treats one
 * role otherwise than another reads it here.
 *
 * A new one is a word in enum role and a row; its main function goes into
 * roles/role_main.c, its column into sandbox/sandbox_columns.h, and the master
 * starts it (master/supervisor.c).
 */
#ifndef IPC_ROLE_H
#define IPC_ROLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

enum role {
    ROLE_MASTER,
    ROLE_WORKER,
    ROLE_KEEPER,
    ROLE_SCOUT,
    ROLE_ADMIN,
    ROLE_TRIAL,
    ROLE_SUCCESSOR, /* the master of the next binary, during an upgrade */
    ROLE_COUNT,
};

/* For sets of roles: ROLE_BIT(WORKER) | ROLE_BIT(KEEPER). */
#define ROLE_BIT(word) (1U << ROLE_##word)

/* All that the master executes its program for, and confines. */
#define ROLE_CHILDREN \
    (((1U << ROLE_COUNT) - 1) & ~(ROLE_BIT(MASTER) | ROLE_BIT(SUCCESSOR)))

/* The descriptors that a child begins with (roles/role_start.h), beside standard
 * input and output, which are /dev/null, and standard error, from which the
 * master reads the log. */
enum role_fd {
    ROLE_FD_CHANNEL = 3,
    ROLE_FD_SCOREBOARD,  /* read-only */
    ROLE_FD_BOARD_WRITE, /* until its own slot is mapped */
    ROLE_FD_CONTROL,     /* where to listen */
    ROLE_FD_BUNDLE,
    ROLE_FD_SECRETS, /* if there are any */
    ROLE_FD_SCOUT,   /* if there is a scout */
    ROLE_FD_PROGRAM, /* closed by execveat(2) */
    ROLE_FD_COUNT,
};
#define ROLE_FD_BIT(word) (1U << ROLE_FD_##word)

/* A child's, but for its name, which every role has. */
struct role_info {
    const char *name;       /* "worker": in the log, in status, in ps(1) */
    const char *short_name; /* "w": 5 letters, or 1 where it is numbered */
    unsigned fds;           /* bits of enum role_fd: without them it ends */
    unsigned most_fds;      /* RLIMIT_NOFILE; 0: by the limits of the daemon */
    bool is_numbered;       /* there may be several */
    bool has_tls;           /* initialises the TLS library */
    bool has_keys;          /* is never dumped, confined or not */
    bool has_reach;         /* may connect to what the configuration names */
    bool may_bind;          /* with the right to bind ports below 1024 */
    uint16_t port;          /* a TCP port that it may connect to; 0: none */
};

const struct role_info *role_info(enum role role);
const char *role_name(enum role role);

/* Of any number: one of those that the master executes its program for. */
bool role_is_child(uint32_t role);

/* False also for what is no role at all. */
bool role_is_among(unsigned bits, enum role role);

#endif
