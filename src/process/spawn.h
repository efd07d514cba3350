/*
 * Starts a child process of the daemon: forked, so that it shares the master's
 * memory until it writes to it, with nothing of the master's but what it is
 * given.
 */
#ifndef PROCESS_SPAWN_H
#define PROCESS_SPAWN_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "config/config.h"
#include "process/message.h"

struct account;
struct sandbox_reach;

enum { SPAWN_KEEP_MAX = 2 };

struct spawn {
    enum role role;
    unsigned number;               /* tells children of one role apart */
    const struct account *account; /* NULL: it stays who the master is */
    int keep[SPAWN_KEEP_MAX];      /* descriptors it is given; -1: none */
    bool keep_all;                 /* it is given every descriptor */
    enum sandbox_mode sandbox;
    const struct sandbox_reach *reach; /* a worker's; NULL: nowhere */

    /* Its main function: `slot` is its own on the board, and `fd`, which it
     * takes, its way to the master.  Returns the exit code. */
    int (*run)(void *arg, unsigned slot, int fd);
    void *arg;
};

/* Returns the child's pid; the caller takes `*fd`, the way to it.  -1: errno
 * says why. */
NODISCARD pid_t spawn_process(
    const struct spawn *spawn, unsigned slot, int *fd);

/* What happened to it, in words such as "died by signal 11 (Segmentation
 * fault)"; returns `text`. */
enum { SPAWN_STATUS_SIZE = 96 };
const char *spawn_status(int status, char text[SPAWN_STATUS_SIZE]);

#endif
