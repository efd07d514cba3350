/*
 * Starts a child process of the daemon: the master's own program, executed anew
 * for a role (role_start.h), with nothing of the master's memory, environment or
 * descriptors but what it is given.
 */
#ifndef MASTER_SPAWN_H
#define MASTER_SPAWN_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "config/config.h"
#include "ipc/message.h"
#include "roles/role_start.h"

struct account;
struct error;
struct sandbox_reach;
struct tls_ticket_secrets;

struct spawn {
    enum role role;
    unsigned number;               /* tells children of one role apart */
    unsigned slot;                 /* on the scoreboard */
    const struct account *account; /* NULL: the master's own */
    enum sandbox_mode sandbox;
    const struct sandbox_reach *reach; /* a worker's; NULL: nowhere */
    const struct tls_ticket_secrets *tickets;   /* a worker's; NULL: none */
    bool keeps_no_keys;
    unsigned workers; /* a trial's, as is strict */
    bool strict;

    /* What stands at its numbers from ROLE_FD_SCOREBOARD to ROLE_FD_SCOUT,
     * borrowed. 0, which nothing of the master's has: nothing. */
    int fds[ROLE_FD_COUNT];
};

/* The program that this process runs, to be executed again whatever stands under
 * its name by then.  -1: `error` says why. */
NODISCARD int spawn_open_program(struct error *error);

/* Starts `program_fd`, as spawn_open_program() returned it.  Returns the child's
 * pid; the caller takes `*fd`, the way to it, and `*log_fd`, where its lines come
 * from (child_log.h).  Its standard input and output are /dev/null.  -1: errno
 * says why. */
NODISCARD pid_t spawn_process(
    const struct spawn *spawn, int program_fd, int *fd, int *log_fd);

#endif
