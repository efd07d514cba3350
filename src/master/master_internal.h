/*
 * The inside of the master, for the files that make it up: master.c (start,
 * signals, end), rollout*.c and generation_send.c (configurations), reload.c,
 * cert_reload.c (certificates that change), supervisor*.c and instance.c
 * (children), dispatch.c (what children say), oversight.c (children that are
 * stuck), requests.c (what users ask for), upgrade*.c, and for the service
 * manager manager_state.c, fdstore.c and watchdog.c.
 */
#ifndef MASTER_MASTER_INTERNAL_H
#define MASTER_MASTER_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "admin/status_facts.h"
#include "base/base.h"
#include "config/config.h"
#include "master/cert_reload.h"
#include "master/fdstore.h"
#include "master/manager_state.h"
#include "master/master.h"
#include "master/names_files.h"
#include "master/oversight.h"
#include "master/rollout.h"
#include "master/supervisor.h"
#include "master/upgrade.h"
#include "master/watchdog.h"
#include "net/listen_table.h"
#include "sandbox/privileges.h"
#include "systemd/notify.h"
#include "tls/tls_secret.h"

struct scoreboard;
struct child;
struct event;
struct event_base;
struct log_prepared;
struct request;

enum { MASTER_SIGNALS = 6 };

struct master {
    struct event_base *base;
    int program_fd; /* what children are started from (spawn.h) */
    struct scoreboard *board;
    struct tls_secret secret;
    struct account account;
    struct account keeper_account;
    bool keeps_keys; /* in keepers; fixed at start */
    enum sandbox_mode sandbox; /* for all its life */
    const struct master_source *source;
    struct event *signals[MASTER_SIGNALS];
    struct listen_table sockets;
    struct child *children;
    struct supervisor supervisor;
    struct rollout rollout;
    struct cert_reload cert_reload;
    struct names_files names;
    struct upgrade upgrade;
    struct notify notify;
    struct manager_state manager_state;
    struct watchdog watchdog;
    struct oversight oversight;
    struct request *requests;
    uint64_t started_ms;
    bool beginning;  /* it serves, and has not said so yet */
    bool stopping;   /* children that end are not replaced */
    bool stop_limited; /* connections have a time to end in */
    bool stop_asked; /* by a signal: the next one means now */
    int code;      /* of the program's end */

    /* What is in force; NULL: nothing yet. */
    struct config *config;
    int bundle_fd;
    uint64_t generation;
    unsigned workers; /* that there are to be */
    uint64_t last_generation; /* that was tried */

    /* Reloads. */
    struct log_prepared *next_log; /* NULL: it stays as it is */
    bool reload_again;             /* asked for while something was under way */
    bool hup_again;                /* by a signal */
    enum status_reload reload_state;
    time_t reload_s;
    char reload_text[512];
};

/* Something is under way that no other change may cross: a start, a reload, an
 * upgrade. */
bool master_is_busy(const struct master *master);

/* Begins what had to wait for that, once it is over. */
void master_go_on(struct master *master);

/* Says that the daemon serves, once, when every process that there is to be is
 * there and confined. */
void master_begin_if_ready(struct master *master);

/* No client is let in any more; the daemon ends when the last connection has,
 * after that time at the latest, or (another has taken over) whenever that may
 * be. */
void master_stop(struct master *master, uint64_t timeout_ms);
void master_retire(struct master *master);

/* What is still there is cut off. */
void master_end_now(struct master *master);

/* Under its name, here, in all processes and in those from before an upgrade. */
void master_reopen_log(struct master *master);

/* Ends the loop once all children have, if that is what we wait for. */
void master_finish_if_alone(struct master *master);

#endif
