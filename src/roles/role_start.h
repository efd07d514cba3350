/*
 * How a process of ours begins: what its program finds when the master has
 * executed it for a role (spawn.h), before it reads anything else.
 *
 * Each role has an image of its own, so none has the master's memory, or the
 * addresses of another.  Its descriptors have the numbers of enum role_fd, and the
 * first packet on its channel is a struct role_start.  Bundles, sockets and
 * channels to others come later, as messages.
 */
#ifndef ROLES_ROLE_START_H
#define ROLES_ROLE_START_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "base/log.h"
#include "config/config.h"
#include "ipc/role.h"
#include "sandbox/sandbox.h"
#include "tls/tls_secret.h"

enum { ROLE_ACCOUNT_SIZE = 64 };

/* Filled by the master, judged by role_start_take(). */
struct role_start {
    uint32_t size; /* of all of it */
    uint32_t role;
    uint32_t number;
    uint32_t slot; /* on the scoreboard */
    uint32_t sandbox; /* enum sandbox_mode */
    uint32_t log_dress;
    uint32_t log_format;
    uint32_t log_level;

    /* The account that it becomes.  Empty: it stays the master's. */
    uint32_t uid;
    uint32_t gid;
    char account[ROLE_ACCOUNT_SIZE];

    uint32_t keeps_no_keys; /* a worker: keepers have them */
    uint32_t workers;       /* a trial: sockets for each TCP address */
    uint32_t strict;        /* a trial: see trial.h */

    /* Where a worker may connect to. */
    uint32_t anywhere;
    uint32_t unix_sockets;
    uint32_t abstract_sockets;
    uint32_t zones;
    uint8_t ports[(UINT16_MAX + 1) / 8];

    struct tls_ticket_secrets tickets; /* a worker's; zeros for others */
};

/* Copies what a worker may reach, and back. */
void role_start_set_reach(
    struct role_start *start, const struct sandbox_reach *reach);
void role_start_reach(
    const struct role_start *start, struct sandbox_reach *reach);

/* Sends it on the master's end of a channel, nothing having been sent there yet.
 * False: errno says why. */
NODISCARD bool role_start_send(int fd, const struct role_start *start);

/* Whether `packet`, of `length` bytes, is in order: every enum and flag is one of
 * its values, every text ends. */
NODISCARD bool role_start_judge(const struct role_start *packet, size_t length);

/* Reads it from ROLE_FD_CHANNEL, where it lies already: nothing is waited for.
 * False: this process was not started by the daemon for a role, and has not the
 * descriptors that one takes. */
NODISCARD bool role_start_take(struct role_start *start);

/* What ps(1) shows: "sallyport: worker 0", and in the 15 bytes that the kernel
 * keeps as a process's name, "sallyport:w0".  Return `text`. */
enum { ROLE_TITLE_SIZE = 32, ROLE_NAME_SIZE = 16 };
const char *role_start_title(
    enum role role, unsigned number, char text[ROLE_TITLE_SIZE]);
const char *role_start_name(
    enum role role, unsigned number, char text[ROLE_NAME_SIZE]);

/* Whether that is how a command line begins. */
bool role_start_is_title(const char *word);

#endif
