/*
 * The whole of the master, for the files that put its parts together: master.c
 * (start, signals, end), master_changes.c (what each kind of change begins and
 * ends with), dispatch.c (messages and ends of children) and requests.c (what
 * users ask for).  Every other file of this folder is a part that knows nothing
 * of the others but what it is given.
 */
#ifndef MASTER_PARTS_H
#define MASTER_PARTS_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "master/cert_expiry.h"
#include "master/cert_reload.h"
#include "master/change.h"
#include "master/child.h"
#include "master/fdstore.h"
#include "master/generation.h"
#include "master/listen_check.h"
#include "master/manager_state.h"
#include "master/oversight.h"
#include "master/reload.h"
#include "master/rollout.h"
#include "master/supervisor.h"
#include "master/ticket_secret.h"
#include "master/upgrade.h"
#include "master/watchdog.h"
#include "net/listen_table.h"
#include "sandbox/privileges.h"
#include "systemd/notify.h"
#include "tls/tls_secret.h"

struct config_source;
struct event;
struct request;

enum { MASTER_SIGNALS = 6 };

struct master {
    const struct config_source *source;
    struct tls_secret secret; /* of fingerprints of files */
    struct ticket_secret tickets;
    struct account account;
    struct account keeper_account;
    struct event *signals[MASTER_SIGNALS];
    uint64_t started_ms;

    struct children children;
    struct generations generations;
    struct listen_table sockets;
    struct listen_check listen_check;
    struct supervisor supervisor;
    struct oversight oversight;

    struct changes changes;
    struct rollout rollout;
    struct reload reload;
    struct cert_reload cert_reload;
    struct cert_expiry cert_expiry;
    struct upgrade upgrade;
    TAILQ_HEAD(request_list, request) requests;
    bool reload_by_signal; /* the reload that is pending */

    struct notify notify;
    struct manager_state manager_state;
    struct watchdog watchdog;
    struct fdstore fdstore;

    bool starting;     /* its configuration is active, and it has not said that
                        * it is ready */
    bool stop_limited; /* connections have a time to end in */
    uint64_t stop_asked_ms; /* when a signal did: a later one means now; 0:
                             * none has */
    bool end_asked;    /* by that second signal: further ones mean nothing */
    int code;          /* of the program's end */
};

/* Of the parts; their argument is the master. */
extern const struct change_calls master_change_calls;
extern const struct upgrade_calls master_upgrade_calls;
void master_reload_done(void *arg, const struct error *error);
void master_certs_wanted(void *arg);
void master_certs_renewed(void *arg);
void master_certs_done(void *arg, const struct error *error);

/* The start's rollout has ended. */
void master_on_started(void *arg, struct error *error);

/* Every process is there and confined. */
void master_on_ready(void *arg);

/* No client is let in any more; the daemon ends when the last connection has,
 * after that time at the latest. */
void master_stop(struct master *master, uint64_t timeout_ms);

/* Cuts off the connections that there still are. */
void master_end_now(struct master *master);

/* Ends a start; nothing has been served yet. */
void master_give_up_start(struct master *master, int code);

/* Ends the loop if the master stops and has no child and no predecessor. */
void master_end_if_alone(struct master *master);

/* Opens the log anew under its name, here, in all processes and in those from
 * before an upgrade. */
void master_reopen_log(struct master *master);

/* How many connections there are. */
unsigned long long master_connections(const struct master *master);

/* Whether another master has the sockets as well, so that unix sockets keep their
 * paths. */
bool master_leaves_paths(const struct master *master);

#endif
