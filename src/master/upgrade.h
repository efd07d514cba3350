/*
 * Replaces the program that runs by the one that is now on disk, without
 * letting go of a socket.
 *
 * The new master, the successor, is started with the same words and the number of
 * a channel to this one in its environment.  It gets every listening socket,
 * starts as ever, and reports that it serves; then this one, the predecessor,
 * accepts no more, and ends with the last of its connections.  If the successor
 * fails, nothing has happened.
 *
 * The channel between the two stays until then: a stop of the successor stops its
 * predecessors, too.
 */
#ifndef MASTER_UPGRADE_H
#define MASTER_UPGRADE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

struct channel;
struct config_source;
struct error;
struct event;
struct message_kin;
struct notify;
struct supervisor;
struct tls_secret;

struct upgrade_calls {
    /* Of a predecessor.  The upgrade has failed, and this program goes on. */
    void (*failed)(void *arg, const char *why);

    /* The successor serves: names it to the service manager.  False: there is
     * none. */
    bool (*announce)(void *arg, pid_t successor);

    /* The successor may speak for the service; this master is to retire. */
    void (*succeeded)(void *arg, pid_t successor);

    /* What the successor passes on to its predecessor. */
    void (*stop)(void *arg, uint64_t timeout_ms);
    void (*end_now)(void *arg);
    void (*reopen_log)(void *arg);

    /* Of a successor.  It speaks for the service from now on. */
    void (*speak)(void *arg);

    /* The predecessor has ended, or is left behind. */
    void (*predecessor_gone)(void *arg);
};

/* All is borrowed. */
struct upgrade_parts {
    const struct config_source *source;
    struct supervisor *supervisor; /* initialized before the first message */
    struct tls_secret *secret;     /* written when one is inherited */
    struct notify *notify;
    const struct upgrade_calls *calls;
    void *arg; /* of the calls */
};

struct upgrade {
    struct upgrade_parts parts;
    char *program; /* the path that we were started from */

    /* Towards the successor. */
    pid_t pid; /* 0: no upgrade is under way */
    struct channel *next;
    struct event *timer;
    bool succeeded; /* it serves: the paths of our sockets are its own now */
    uint64_t succeeded_ms;
    pid_t successor; /* that was named to the manager then; 0: none */

    /* From the predecessor. */
    int fd; /* that the environment names; -1: none */
    struct channel *before; /* NULL: there is none, or it has ended */
    struct event
        *predecessor_timer; /* until it is left behind; NULL: not stopped */
    bool inherits; /* our sockets are still the predecessor's as well */
    bool received; /* all of them have come */
    struct message_kin *kin; /* the processes of predecessors */
    size_t kin_count;
    bool speaks;   /* for the service, towards its manager */
    int control_fd; /* -1: none */
    char *control_path;
};

/* First of all: finds out whether this process was started for an upgrade. */
void upgrade_init(
    struct upgrade *upgrade, const struct upgrade_parts *parts);
void upgrade_free(struct upgrade *upgrade);

/* If it was, waits for the predecessor's sockets and takes them over.  False: the
 * reason is in `error`. */
NODISCARD bool upgrade_inherit(struct upgrade *upgrade, struct error *error);

/* The control socket that was handed over, the caller's now, if it is the one
 * at `path`; -1: there is none. */
int upgrade_inherited_control(struct upgrade *upgrade, const char *path);

/* Reports to the predecessor that we serve; the call `speak` follows when the
 * predecessor has agreed.  False: there was none. */
NODISCARD bool upgrade_report(struct upgrade *upgrade);

/* Whether the process belongs to a predecessor, which goes on with its
 * connections: a later process of the same number does not. */
bool upgrade_is_kin(const struct upgrade *upgrade, pid_t pid);

/* Whether a predecessor still has connections.  It stops as this one does. */
bool upgrade_has_predecessor(const struct upgrade *upgrade);
void upgrade_stop_predecessor(struct upgrade *upgrade, uint64_t timeout_ms);
void upgrade_end_predecessor(struct upgrade *upgrade);
void upgrade_reopen_predecessor_log(struct upgrade *upgrade);

/* Begins an upgrade; no other change may be under way.  One of the calls says how
 * it ended. */
void upgrade_begin(struct upgrade *upgrade);

/* Ends an upgrade that is under way; no call follows. */
void upgrade_stop(struct upgrade *upgrade);

/* Passes a stop on to the successor if the service manager can have sent it
 * before it knew that another process is the main one. */
void upgrade_pass_stop(struct upgrade *upgrade);

/* A process that is no child of the list has ended. */
void upgrade_reap(struct upgrade *upgrade, pid_t pid, int status);

#endif
