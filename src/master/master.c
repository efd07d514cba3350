#include "master/master.h"

#include <event2/event.h>
#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/control_path.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "base/scoreboard.h"
#include "config/config.h"
#include "ipc/channel.h"
#include "master/cert_reload.h"
#include "master/child.h"
#include "master/listen_check.h"
#include "master/master_internal.h"
#include "master/reload.h"
#include "master/requests.h"
#include "master/spawn.h"
#include "master/upgrade.h"
#include "sandbox/sandbox.h"
#include "systemd/activation.h"
#include "tls/tls_init.h"

bool
master_is_busy(const struct master *master)
{
    return master->config == NULL || master->beginning ||
        master->rollout.stage != ROLLOUT_NONE || master->upgrade.pid != 0;
}

void
master_go_on(struct master *master)
{
    if (!master_is_busy(master))
        supervisor_cover_sockets(master);
    /* Before the others: a reload that is asked for meanwhile is the
     * successor's. */
    if (!master_is_busy(master))
        upgrade_start_if_queued(master);
    if (!master_is_busy(master))
        reload_if_asked(master);
    if (!master_is_busy(master))
        cert_reload_if_changed(master);
}

/* Sockets that another master has as well keep their paths. */
static bool
leaves_paths(const struct master *master)
{
    return master->upgrade.succeeded || master->upgrade.inherits;
}

void
master_finish_if_alone(struct master *master)
{
    if (master->stopping && master->children == NULL &&
        !upgrade_has_elder(master))
        event_base_loopbreak(master->base);
}

/* No child is replaced any more; the loop ends with the last of them. */
static void
disband(struct master *master)
{
    master->stopping = true;
    master->beginning = false;
    rollout_stop(master);
    cert_reload_stop(master);
    names_files_stop(master);
    upgrade_stop(master);
    requests_fail_all(master, "the daemon stops");
    supervisor_stop(master);
}

static void
close_doors(struct master *master)
{
    if (master->upgrade.succeeded)
        supervisor_close_control(&master->supervisor);
    listen_table_free(&master->sockets, leaves_paths(master));
    master_finish_if_alone(master);
}

void
master_stop(struct master *master, uint64_t timeout_ms)
{
    bool has_retired = master->stopping;

    if (master->stop_limited)
        return;
    master->stop_limited = true;
    if (!has_retired)
        disband(master);
    manager_state_stopping(master, timeout_ms);
    log_info(NULL, "stopping: %llu connections have %llu ms to finish",
        (unsigned long long)scoreboard_active(master->board, SCOREBOARD_ALL),
        (unsigned long long)timeout_ms);
    supervisor_drain(master, NULL, timeout_ms);
    upgrade_stop_elder(master, timeout_ms);
    if (!has_retired)
        close_doors(master);
}

void
master_retire(struct master *master)
{
    disband(master);
    log_info(NULL, "stopping when the last of %llu connections has ended",
        (unsigned long long)scoreboard_active(master->board, SCOREBOARD_ALL));
    supervisor_drain(master, NULL, MESSAGE_NO_LIMIT);
    close_doors(master);
}

void
master_end_now(struct master *master)
{
    supervisor_end_now(master);
    upgrade_end_elder(master);
}

/* Nothing has been served yet. */
static void
give_up(struct master *master, int code)
{
    disband(master);
    supervisor_end_now(master);
    listen_table_free(&master->sockets, leaves_paths(master));
    master->code = code;
    master_finish_if_alone(master);
}

void
master_reopen_log(struct master *master)
{
    log_reopen();
    upgrade_reopen_elder_log(master);
}

static void
on_stop(evutil_socket_t number, short what, void *arg)
{
    struct master *master = arg;

    (void)what;
    if (master->config == NULL) {
        give_up(master, EXIT_SUCCESS);
    } else if (!master->stop_asked) {
        master->stop_asked = true;
        upgrade_pass_stop(master);
        master_stop(master, master->config->global.drain_timeout_ms);
    } else {
        log_warn(NULL, "second %s: ending %llu connections now",
            strsignal(number),
            (unsigned long long)scoreboard_active(master->board,
                SCOREBOARD_ALL));
        master_end_now(master);
    }
}

static void
on_hup(evutil_socket_t number, short what, void *arg)
{
    struct master *master = arg;

    (void)number;
    (void)what;
    master->hup_again = master_is_busy(master);
    master_reload(master);
}

static void
on_usr1(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    master_reopen_log(arg);
}

static void
on_usr2(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    upgrade_start(arg);
}

/* Whoever kills a child says why. */
static bool
is_expected(const struct child *child, int status)
{
    bool well = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;

    return (well || child->killed) && child->instance == NULL;
}

/* Its last words are heard first: it may have ended because all was said.  It
 * is off the scoreboard before another takes its place there. */
static void
child_ended(struct child *child, int status)
{
    struct master *master = child->master;
    uint64_t lived_ms = clock_now_ms() - child->started_ms;
    char name[CHILD_NAME_SIZE], text[PROCESS_STATUS_SIZE];
    struct instance *instance;

    if (child->channel != NULL)
        channel_hear_out(child->channel);
    child_log_drain(&child->log);
    if (!is_expected(child, status))
        log_error(NULL, "%s %s", child_name(child, name),
            process_status(status, text));
    instance = child->instance;
    if (instance != NULL)
        instance->child = NULL;
    child_unlist(child);
    supervisor_child_ended(child);
    requests_forget(master, child);
    listen_check(master);
    rollout_child_ended(child);
    child_free(child);
    if (instance != NULL)
        instance_restart(instance, lived_ms);
    supervisor_wake_workers(master);
    master_finish_if_alone(master);
}

static void
on_child(evutil_socket_t number, short what, void *arg)
{
    struct master *master = arg;
    struct child *child;
    int status;
    pid_t pid;

    (void)number;
    (void)what;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        child = child_find(master, pid);
        if (child != NULL)
            child_ended(child, status);
        else
            upgrade_ended(master, pid, status);
    }
}

/* Those that come while a configuration is read are for later: what they ask
 * for may be newer than what has been read. */
static void
hold_signals(int how)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    (void)sigprocmask(how, &set, NULL);
}

static bool
watch_signals(struct master *master)
{
    static const struct {
        int number;
        event_callback_fn act;
    } signals[MASTER_SIGNALS] = {
        { SIGTERM, on_stop }, { SIGINT, on_stop }, { SIGHUP, on_hup },
        { SIGUSR1, on_usr1 }, { SIGUSR2, on_usr2 }, { SIGCHLD, on_child },
    };

    (void)signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < MASTER_SIGNALS; i++) {
        master->signals[i] = evsignal_new(
            master->base, signals[i].number, signals[i].act, master);
        if (master->signals[i] == NULL ||
            event_add(master->signals[i], NULL) < 0)
            return false;
    }
    hold_signals(SIG_UNBLOCK);
    return true;
}

static void
close_unless_none(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* The control socket is for convenience: without an explicit place a daemon
 * that cannot have it serves all the same. */
static bool
open_control(
    struct master *master, const struct config *config, struct error *error)
{
    const char *control = config->global.control;
    struct error why = { 0 };
    struct supervisor *supervisor = &master->supervisor;
    bool wanted = strcmp(control, "auto") != 0;

    supervisor->control_path =
        control_path(master->source->path, control, error);
    if (supervisor->control_path == NULL) {
        close_unless_none(upgrade_inherited_control(master, NULL));
        return !error_any(error);
    }
    supervisor->control_fd =
        upgrade_inherited_control(master, supervisor->control_path);
    if (supervisor->control_fd < 0)
        supervisor->control_fd = control_listen(supervisor->control_path, &why);
    for (size_t i = 0; i < why.count && supervisor->control_fd < 0; i++) {
        if (wanted)
            error_add(error, "[global] control: %s", why.messages[i]);
        else
            log_warn(NULL, "there is no control socket: %s",
                why.messages[i]);
    }
    error_clear(&why);
    return supervisor->control_fd >= 0 || !wanted;
}

static bool
open_log(const struct config *config, struct error *error)
{
    const struct global_config *global = &config->global;

    return log_open(global->log_target, global->log_path, global->log_format,
        global->log_level, error);
}

/* What another system would enforce; `status` tells the rest too. */
static void
tell_sandbox(const struct master *master)
{
    char missing[SANDBOX_MISSING_SIZE];

    if (master->sandbox == SANDBOX_OFF)
        log_warn(NULL, "sandbox = off: processes are not confined");
    else if (!sandbox_is_possible()) /* nobody serves with such a build */
        log_debug(NULL, "this build confines no process");
    else if (sandbox_missing(missing))
        log_warn(NULL, "sandbox: this system cannot enforce: %s", missing);
    else if (privileges_keep_groups())
        log_info(NULL,
            "processes keep the supplementary groups of the account, "
            "for this was not started as root");
}

static void
on_started(struct master *master, struct error *error)
{
    if (error_any(error)) {
        manager_state_failure(master, error);
        error_print(error);
        give_up(master, EXIT_FAILURE);
        return;
    }
    master_note_sockets(master);
    if (master->supervisor.control_fd >= 0)
        instance_start(&master->supervisor.admin);
    cert_reload_watch(master);
    activation_warn(&master->sockets);
    tell_sandbox(master);
    master->beginning = true;
    master_begin_if_ready(master);
}

void
master_begin_if_ready(struct master *master)
{
    if (!master->beginning || !supervisor_is_ready(master))
        return;
    master->beginning = false;
    log_info(NULL, "ready");
    if (!upgrade_report(master))
        manager_state_ready(master, master->upgrade.received);
    master_go_on(master);
}

static bool
find_accounts(struct master *master, const struct global_config *global,
    struct error *error)
{
    bool own = global->keeper_user != NULL;

    return account_find(
               global->user, global->group, &master->account, error) &&
        account_find(own ? global->keeper_user : global->user,
            own ? NULL : global->group, &master->keeper_account, error);
}

/* What the service manager has passed.  At an upgrade what nobody wants may be
 * what nobody wants any more. */
static bool
take_passed(struct master *master, const struct config *config,
    struct activation *passed, struct error *error)
{
    fdstore_adopt(master, passed);
    return activation_lend(passed, &master->sockets, error) &&
        upgrade_inherit(master, error) &&
        activation_match(
            &master->sockets, config, !master->upgrade.inherits, error);
}

/* Capabilities go first: what works here works at a reload. */
static bool
set_up(struct master *master, const struct config *config,
    struct activation *passed, struct error *error)
{
    master->sandbox = config->global.sandbox;
    master->program_fd = spawn_open_program(error);
    if (master->program_fd < 0 ||
        !sandbox_reduce_master(master->sandbox, error) ||
        !open_log(config, error) ||
        !find_accounts(master, &config->global, error) ||
        !tls_secret_make(&master->secret, error))
        return false;
    master->keeps_keys = config->global.keeper == KEEPER_ON;
    master->base = event_base_new();
    master->board = scoreboard_new();
    notify_attach(&master->notify, master->base);
    if (master->base == NULL || master->board == NULL ||
        !watch_signals(master) || !oversight_start(master)) {
        error_add(error, "cannot make an event loop: %m");
        return false;
    }
    return take_passed(master, config, passed, error) &&
        open_control(master, config, error);
}

static void
tear_down(struct master *master)
{
    struct supervisor *supervisor = &master->supervisor;
    sigset_t all;

    if (master->base == NULL) {
        manager_state_free(master);
        account_clear(&master->account);
        account_clear(&master->keeper_account);
        upgrade_free(master);
        return;
    }
    /* A late one must not end us by its default. */
    sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, NULL);
    rollout_stop(master);
    oversight_stop(&master->oversight);
    if (master->next_log != NULL)
        log_discard(master->next_log);
    supervisor_clear(supervisor);
    names_files_stop(master);
    manager_state_free(master);
    listen_table_free(&master->sockets, leaves_paths(master));
    if (supervisor_close_control(supervisor) && !leaves_paths(master))
        control_remove(supervisor->control_path);
    free(supervisor->control_path);
    upgrade_free(master);
    config_unref(master->config);
    if (master->bundle_fd >= 0)
        close(master->bundle_fd);
    for (size_t i = 0; i < MASTER_SIGNALS; i++)
        if (master->signals[i] != NULL)
            event_free(master->signals[i]);
    account_clear(&master->account);
    account_clear(&master->keeper_account);
    scoreboard_free(master->board);
    event_base_free(master->base);
}

int
master_run(const struct master_source *source, bool *loaded)
{
    struct master master = {
        .source = source,
        .program_fd = -1,
        .bundle_fd = -1,
        .started_ms = clock_now_ms(),
        .rollout = { .bundle_fd = -1 },
    };
    struct activation passed;
    struct error error = { 0 };
    struct config *config = NULL;

    hold_signals(SIG_BLOCK);
    activation_take(&passed);
    if (sandbox_forbid_dumps(&error))
        config = source->load(source->arg, &error);
    *loaded = config != NULL;
    supervisor_init(&master.supervisor, &master);
    names_files_init(&master.names);
    upgrade_init(&master.upgrade);
    notify_init(&master.notify);
    watchdog_init(&master.watchdog);
    if (config != NULL && tls_init(&error) &&
        set_up(&master, config, &passed, &error)) {
        rollout_start(&master, config, false, on_started);
        if (master.children != NULL)
            event_base_dispatch(master.base);
        if (master.code == EXIT_SUCCESS)
            log_info(NULL, "stopped");
    } else {
        manager_state_failure(&master, &error);
        error_print(&error);
        config_unref(config);
        master.code = EXIT_FAILURE;
    }
    tear_down(&master);
    close_unless_none(master.program_fd);
    activation_free(&passed);
    log_close();
    return master.code;
}
