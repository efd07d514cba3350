/*
 * What the master does at its start and its end, and what each kind of change
 * begins and ends with.
 */
#include <event2/event.h>

#include <signal.h>
#include <stdlib.h>
#include <sysexits.h>

#include "base/duration.h"
#include "base/error.h"
#include "base/log.h"
#include "base/number.h"
#include "base/scoreboard.h"
#include "base/version.h"
#include "config/config.h"
#include "master/parts.h"
#include "master/requests.h"
#include "sandbox/sandbox.h"
#include "systemd/activation.h"

bool
master_leaves_paths(const struct master *master)
{
    return master->upgrade.succeeded || master->upgrade.inherits;
}

void
master_end_if_alone(struct master *master)
{
    if (master->supervisor.stopping && LIST_EMPTY(&master->children.list) &&
        !upgrade_has_predecessor(&master->upgrade))
        event_base_loopbreak(master->children.base);
}

unsigned long long
master_connections(const struct master *master)
{
    return (unsigned long long)scoreboard_active(
        master->children.board, SCOREBOARD_ALL);
}

/* No child is replaced any more; the loop ends with the last of them. */
static void
stop_changes(struct master *master)
{
    master->starting = false;
    master->supervisor.stopping = true; /* for all that is called here */
    change_stop(&master->changes);
    rollout_stop(&master->rollout);
    cert_reload_stop(&master->cert_reload);
    upgrade_stop(&master->upgrade);
    requests_fail_all(master, "the daemon stops");
    supervisor_stop(&master->supervisor);
}

static void
close_sockets(struct master *master)
{
    if (master->upgrade.succeeded)
        supervisor_close_control(&master->supervisor);
    listen_table_free(&master->sockets, master_leaves_paths(master));
    master_end_if_alone(master);
}

/* `timeout_ms`: how long connections may go on; MESSAGE_NO_LIMIT: as long as they
 * do. */
static void
log_stopping(unsigned long long connections, uint64_t timeout_ms)
{
    const char *has = connections == 1 ? " has" : "s have";
    char span[DURATION_TEXT_SIZE];

    if (connections == 0)
        log_info(NULL, "stopping");
    else if (timeout_ms == MESSAGE_NO_LIMIT)
        log_info(NULL, "stopping when %llu connection%s ended", connections,
            has);
    else if (timeout_ms == 0)
        log_info(NULL, "stopping: ending %llu connection%s", connections,
            number_plural(connections));
    else
        log_info(NULL, "stopping: %llu connection%s %s to finish",
            connections, has, duration_format(timeout_ms, span));
}

void
master_stop(struct master *master, uint64_t timeout_ms)
{
    bool has_retired = master->supervisor.stopping;

    if (master->stop_limited)
        return;
    master->stop_limited = true;
    if (!has_retired)
        stop_changes(master);
    manager_state_stopping(&master->manager_state, timeout_ms);
    log_stopping(master_connections(master), timeout_ms);
    supervisor_drain(&master->supervisor, NULL, timeout_ms);
    upgrade_stop_predecessor(&master->upgrade, timeout_ms);
    if (!has_retired)
        close_sockets(master);
}

/* The successor has taken over: connections may last as long as they do. */
static void
retire_master(struct master *master)
{
    stop_changes(master);
    log_stopping(master_connections(master), MESSAGE_NO_LIMIT);
    supervisor_drain(&master->supervisor, NULL, MESSAGE_NO_LIMIT);
    close_sockets(master);
}

void
master_end_now(struct master *master)
{
    supervisor_end_now(&master->supervisor);
    upgrade_end_predecessor(&master->upgrade);
}

void
master_give_up_start(struct master *master, int code)
{
    stop_changes(master);
    supervisor_end_now(&master->supervisor);
    listen_table_free(&master->sockets, master_leaves_paths(master));
    master->code = code;
    master_end_if_alone(master);
}

void
master_reopen_log(struct master *master)
{
    log_reopen();
    upgrade_reopen_predecessor_log(&master->upgrade);
}

/* Tells what a newer kernel would enforce; `status` tells the rest too. */
static void
report_sandbox(const struct master *master)
{
    char missing[SANDBOX_MISSING_SIZE];

    if (master->children.sandbox == SANDBOX_OFF)
        log_warn(NULL, "sandbox = off: processes are not confined");
    else if (!sandbox_is_possible()) /* such a build is for tests alone */
        log_debug(NULL, "this build confines no process");
    else if (sandbox_missing(missing))
        log_info(NULL, "sandbox: this system does not enforce %s", missing);
    else if (privileges_keep_groups())
        log_info(NULL, "processes keep the supplementary groups that the "
            "daemon was started with: only root could take them away");
}

void
master_on_started(void *arg, struct error *error)
{
    struct master *master = arg;

    if (error_any(error)) {
        manager_state_failure(&master->manager_state, error);
        error_print(error);
        master_give_up_start(
            master, master->rollout.faulty ? EX_CONFIG : EXIT_FAILURE);
        return;
    }
    reload_log_sockets(&master->sockets, master->generations.current.config);
    if (master->supervisor.control_fd >= 0)
        instance_start(&master->supervisor.admin);
    cert_expiry_take(
        &master->cert_expiry, &master->generations.current.certs);
    cert_reload_watch(&master->cert_reload);
    ticket_secret_watch(
        &master->tickets, master->generations.current.config);
    activation_warn(&master->sockets);
    report_sandbox(master);
    master->starting = true;
    supervisor_note_progress(&master->supervisor);
}

static void
announce_ready(struct master *master)
{
    if (master->upgrade.received)
        fdstore_refill(&master->fdstore);
    else
        fdstore_fill(&master->fdstore);
    manager_state_ready(&master->manager_state);
    watchdog_start(
        &master->watchdog, master->children.base, &master->notify);
}

static void
log_ready(const struct master *master)
{
    const struct config *config = master->generations.current.config;

    log_info(NULL, "ready: sallyport " SALLYPORT_VERSION " serves %zu service%s "
        "of %s", config->service_count, number_plural(config->service_count),
        config->path != NULL ? config->path : "the command line");
}

void
master_on_ready(void *arg)
{
    static const struct error none = { 0 };
    struct master *master = arg;

    if (!master->starting)
        return;
    master->starting = false;
    log_ready(master);
    if (!upgrade_report(&master->upgrade))
        announce_ready(master);
    change_done(&master->changes, CHANGE_START, &none);
}

static bool
announce_successor(void *arg, pid_t successor)
{
    struct master *master = arg;

    watchdog_stop(&master->watchdog);
    return manager_state_successor(&master->manager_state, (int)successor);
}

/* A reload that was asked for meanwhile is the successor's: it may be about
 * files that are newer than what the successor has read.  Clients of the control
 * socket ask again themselves, if they are there still. */
static void
on_upgraded(void *arg, pid_t successor)
{
    static const struct error none = { 0 };
    struct master *master = arg;

    requests_finish(master, VERB_UPGRADE, "upgraded\n", &none);
    if (change_withdraw(&master->changes, CHANGE_RELOAD) &&
        (!requests_redirect(master, VERB_RELOAD) ||
            master->reload_by_signal))
        kill(successor, SIGHUP);
    retire_master(master);
}

static void
on_successor_stop(void *arg, uint64_t timeout_ms)
{
    master_stop(arg, timeout_ms);
}

static void
on_successor_end_now(void *arg)
{
    master_end_now(arg);
}

static void
on_successor_reopen(void *arg)
{
    master_reopen_log(arg);
}

static void
on_speak(void *arg)
{
    struct master *master = arg;

    if (!master->supervisor.stopping)
        announce_ready(master);
}

static void
on_predecessor_ended(void *arg)
{
    master_end_if_alone(arg);
}

static void
on_upgrade_failed(void *arg, const char *why)
{
    struct master *master = arg;
    struct error error = { 0 };

    error_add(&error, "%s; the running daemon goes on", why);
    change_done(&master->changes, CHANGE_UPGRADE, &error);
    error_clear(&error);
}

const struct upgrade_calls master_upgrade_calls = {
    .failed = on_upgrade_failed,
    .announce = announce_successor,
    .succeeded = on_upgraded,
    .stop = on_successor_stop,
    .end_now = on_successor_end_now,
    .reopen_log = on_successor_reopen,
    .speak = on_speak,
    .predecessor_gone = on_predecessor_ended,
};

static void
begin_upgrade(void *arg)
{
    struct master *master = arg;

    requests_begin(master, VERB_UPGRADE);
    upgrade_begin(&master->upgrade);
}

static void
begin_reload(void *arg)
{
    struct master *master = arg;

    master->reload_by_signal = false;
    requests_begin(master, VERB_RELOAD);
    manager_state_reloading(&master->manager_state);
    listen_check(&master->listen_check);
    reload_begin(&master->reload);
}

static void
begin_cert_reload(void *arg)
{
    struct master *master = arg;

    cert_reload_begin(&master->cert_reload);
}

static void
on_change_done(
    void *arg, enum change_kind kind, const struct error *error)
{
    struct master *master = arg;
    char text[MESSAGE_REPLY_MAX];

    if (kind == CHANGE_RELOAD) {
        reload_answer(&master->reload, text, sizeof(text));
        requests_finish(master, VERB_RELOAD, text, error);
    } else if (kind == CHANGE_UPGRADE) {
        requests_finish(master, VERB_UPGRADE, "", error);
    }
}

static void
on_idle(void *arg)
{
    struct master *master = arg;

    supervisor_cover_sockets(&master->supervisor);
}

const struct change_calls master_change_calls = {
    .begin = {
        [CHANGE_UPGRADE] = begin_upgrade,
        [CHANGE_RELOAD] = begin_reload,
        [CHANGE_CERT_RELOAD] = begin_cert_reload,
    },
    .done = on_change_done,
    .idle = on_idle,
};

void
master_reload_done(void *arg, const struct error *error)
{
    struct master *master = arg;

    if (!error_any(error)) {
        reload_log_sockets(
            &master->sockets, master->generations.current.config);
        activation_warn(&master->sockets);
        master->cert_reload.fault[0] = '\0'; /* all files were read anew */
        cert_expiry_take(
            &master->cert_expiry, &master->generations.current.certs);
        cert_reload_watch(&master->cert_reload);
        ticket_secret_watch(
            &master->tickets, master->generations.current.config);
    }
    fdstore_fill(&master->fdstore);
    manager_state_reloaded(&master->manager_state);
    change_done(&master->changes, CHANGE_RELOAD, error);
}

void
master_certs_wanted(void *arg)
{
    struct master *master = arg;

    change_request(&master->changes, CHANGE_CERT_RELOAD);
}

void
master_certs_renewed(void *arg)
{
    struct master *master = arg;

    cert_expiry_take(
        &master->cert_expiry, &master->generations.current.certs);
    manager_state_status(&master->manager_state);
}

void
master_certs_done(void *arg, const struct error *error)
{
    struct master *master = arg;

    change_done(&master->changes, CHANGE_CERT_RELOAD, error);
}
