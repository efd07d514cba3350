/*
 * Replaces the program that runs by the one that is now on disk, without
 * letting go of a socket.
 *
 * The new master is started with the same words and a way to this one in its
 * environment.  It gets every listening socket, starts as ever, and says so;
 * then this one accepts no more, and ends with the last of its connections.  If
 * the new one fails, nothing has happened.
 *
 * The way between the two stays until then: who stops the new one stops those
 * before it, too.
 */
#ifndef MASTER_UPGRADE_H
#define MASTER_UPGRADE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

struct channel;
struct error;
struct event;
struct master;
struct message_kin;

struct upgrade {
    char *program; /* the path that we were started from */

    /* Towards the next one. */
    pid_t pid; /* 0: none is under way */
    struct channel *next;
    struct event *timer;
    bool succeeded; /* it serves: the paths of our sockets are its own now */
    bool queued;    /* asked for while another change was under way */
    uint64_t succeeded_ms;
    pid_t successor; /* of which the manager was told then; 0: none */

    /* From the one before. */
    int fd; /* that the environment names; -1: none */
    struct channel *before; /* NULL: there is none, or it has ended */
    struct event
        *predecessor_timer; /* until it is left behind; NULL: not stopped */
    bool inherits; /* our sockets are still the other's as well */
    bool received; /* all of them have come */
    struct message_kin *kin; /* the processes of those before */
    size_t kin_count;
    bool speaks;   /* for the service, towards its manager */
    int control_fd; /* -1: none */
    char *control_path;
};

/* First of all: finds out whether this process was started for an upgrade. */
void upgrade_init(struct upgrade *upgrade);
void upgrade_free(struct master *master);

/* If it was, waits for the sockets of the one before and takes them over.
 * False: the reason is in `error`. */
NODISCARD bool upgrade_inherit(struct master *master, struct error *error);

/* The control socket that was handed over, the caller's now, if it is the one
 * at `path`; -1: there is none. */
int upgrade_inherited_control(struct master *master, const char *path);

/* Tells the one before that we serve; the service manager is told when that one
 * has agreed.  False: there was none. */
NODISCARD bool upgrade_report(struct master *master);

/* Whether it is a process of a master before this one, which goes on with its
 * connections: another process of that number is none. */
bool upgrade_is_kin(const struct upgrade *upgrade, pid_t pid);

/* While the one before has connections: it stops as this one does. */
bool upgrade_has_elder(const struct master *master);
void upgrade_stop_elder(struct master *master, uint64_t timeout_ms);
void upgrade_end_elder(struct master *master);
void upgrade_reopen_elder_log(struct master *master);

/* Begins one, once no other change is under way; requests that wait for it are
 * answered when it has ended. */
void upgrade_start(struct master *master);
void upgrade_start_if_queued(struct master *master);
void upgrade_stop(struct master *master);

/* Passes a stop on to the successor if the service manager can have sent it
 * before it knew that another process is the main one. */
void upgrade_pass_stop(struct master *master);

/* A process that is no child of the list has ended. */
void upgrade_ended(struct master *master, pid_t pid, int status);

#endif
