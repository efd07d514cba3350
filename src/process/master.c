#include "process/master.h"

#include <event2/event.h>
#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/board.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "observe/control_path.h"
#include "process/activation.h"
#include "process/channel.h"
#include "process/child.h"
#include "process/master_parts.h"
#include "process/master_reload.h"
#include "process/renewal.h"
#include "process/requests.h"
#include "process/sandbox.h"
#include "process/spawn.h"
#include "process/upgrade.h"
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
        master_reload_if_asked(master);
    if (!master_is_busy(master))
        renewal_if_changed(master);
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
    renewal_stop(master);
    upgrade_stop(master);
    requests_fail_all(master, "the daemon stops");
    fleet_disband(master);
}

static void
close_doors(struct master *master)
{
    if (master->upgrade.succeeded)
        fleet_close_control(&master->fleet);
    sockets_free(&master->sockets, leaves_paths(master));
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
    announce_stopping(master, timeout_ms);
    log_info(NULL, "stopping: %llu connections have %llu ms to finish",
        (unsigned long long)board_active(master->board, BOARD_ALL),
        (unsigned long long)timeout_ms);
    fleet_drain(master, NULL, timeout_ms);
    upgrade_stop_elder(master, timeout_ms);
    if (!has_retired)
        close_doors(master);
}

void
master_retire(struct master *master)
{
    disband(master);
    log_info(NULL, "stopping when the last of %llu connections has ended",
        (unsigned long long)board_active(master->board, BOARD_ALL));
    fleet_drain(master, NULL, MESSAGE_NO_LIMIT);
    close_doors(master);
}

void
master_end_now(struct master *master)
{
    fleet_end_now(master);
    upgrade_end_elder(master);
}

/* Nothing has been served yet. */
static void
give_up(struct master *master, int code)
{
    disband(master);
    fleet_end_now(master);
    sockets_free(&master->sockets, leaves_paths(master));
    master->code = code;
    master_finish_if_alone(master);
}

void
master_reopen_log(struct master *master)
{
    if (log_reopen())
        master_tell_log(master);
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
        master_stop(master, master->config->global.drain_timeout_ms);
    } else {
        log_warn(NULL, "second %s: ending %llu connections now",
            strsignal(number),
            (unsigned long long)board_active(master->board, BOARD_ALL));
        master_end_now(master);
    }
}

static void
on_hup(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    master_reload(arg);
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

    return (well || child->killed) && child->post == NULL;
}

/* Its last words are heard first: it may have ended because all was said.  It
 * is off the board before another takes its place there. */
static void
child_ended(struct child *child, int status)
{
    struct master *master = child->master;
    uint64_t lived_ms = clock_now_ms() - child->started_ms;
    char name[CHILD_NAME_SIZE], text[SPAWN_STATUS_SIZE];
    struct post *post;

    if (child->channel != NULL)
        channel_hear_out(child->channel);
    if (!is_expected(child, status))
        log_error(NULL, "%s %s", child_name(child, name),
            spawn_status(status, text));
    post = child->post;
    if (post != NULL)
        post->child = NULL;
    child_unlist(child);
    fleet_part_from(child);
    requests_forget(master, child);
    rollout_child_ended(child);
    child_free(child);
    if (post != NULL)
        post_refill(post, lived_ms);
    fleet_wake_workers(master);
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
    struct fleet *fleet = &master->fleet;
    bool wanted = strcmp(control, "auto") != 0;

    fleet->control_path =
        control_path(master->source->path, control, error);
    if (fleet->control_path == NULL) {
        close_unless_none(upgrade_inherited_control(master, NULL));
        return !error_any(error);
    }
    fleet->control_fd =
        upgrade_inherited_control(master, fleet->control_path);
    if (fleet->control_fd < 0)
        fleet->control_fd = control_listen(fleet->control_path, &why);
    for (size_t i = 0; i < why.count && fleet->control_fd < 0; i++) {
        if (wanted)
            error_add(error, "[global] control: %s", why.messages[i]);
        else
            log_warn(NULL, "there is no control socket: %s",
                why.messages[i]);
    }
    error_clear(&why);
    return fleet->control_fd >= 0 || !wanted;
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
}

static void
on_started(struct master *master, struct error *error)
{
    if (error_any(error)) {
        announce_failure(master, error);
        error_print(error);
        give_up(master, EXIT_FAILURE);
        return;
    }
    master_note_sockets(master);
    if (master->fleet.control_fd >= 0)
        post_fill(&master->fleet.observer);
    renewal_watch(master);
    renewal_look_again(master);
    activation_warn(&master->sockets);
    tell_sandbox(master);
    master->beginning = true;
    master_begin_if_ready(master);
}

void
master_begin_if_ready(struct master *master)
{
    if (!master->beginning || !fleet_is_ready(master))
        return;
    master->beginning = false;
    log_info(NULL, "ready");
    if (!upgrade_report(master))
        announce_ready(master, false);
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
    store_adopt(master, passed);
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
    if (!sandbox_reduce_master(master->sandbox, error) ||
        !open_log(config, error) ||
        !find_accounts(master, &config->global, error) ||
        !tls_secret_make(&master->secret, error))
        return false;
    master->keeps_keys = config->global.keeper == KEEPER_ON;
    master->base = event_base_new();
    master->board = board_new();
    notify_attach(&master->notify, master->base);
    if (master->base == NULL || master->board == NULL ||
        !watch_signals(master)) {
        error_add(error, "cannot make an event loop: %m");
        return false;
    }
    return take_passed(master, config, passed, error) &&
        open_control(master, config, error);
}

static void
tear_down(struct master *master)
{
    struct fleet *fleet = &master->fleet;
    sigset_t all;

    if (master->base == NULL) {
        announce_free(master);
        account_clear(&master->account);
        account_clear(&master->keeper_account);
        upgrade_free(master);
        return;
    }
    /* A late one must not end us by its default. */
    sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, NULL);
    rollout_stop(master);
    if (master->next_log != NULL)
        log_discard(master->next_log);
    fleet_clear(fleet);
    announce_free(master);
    sockets_free(&master->sockets, leaves_paths(master));
    if (fleet_close_control(fleet) && !leaves_paths(master))
        control_remove(fleet->control_path);
    free(fleet->control_path);
    upgrade_free(master);
    config_unref(master->config);
    if (master->bundle_fd >= 0)
        close(master->bundle_fd);
    for (size_t i = 0; i < MASTER_SIGNALS; i++)
        if (master->signals[i] != NULL)
            event_free(master->signals[i]);
    account_clear(&master->account);
    account_clear(&master->keeper_account);
    board_free(master->board);
    event_base_free(master->base);
}

int
master_run(const struct master_source *source, bool *loaded)
{
    struct master master = {
        .source = source,
        .bundle_fd = -1,
        .started_ms = clock_now_ms(),
        .rollout = { .bundle_fd = -1 },
    };
    struct activation passed;
    struct error error = { 0 };
    struct config *config;

    hold_signals(SIG_BLOCK);
    activation_take(&passed);
    config = source->load(source->arg, &error);
    *loaded = config != NULL;
    fleet_init(&master.fleet, &master);
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
        announce_failure(&master, &error);
        error_print(&error);
        config_unref(config);
        master.code = EXIT_FAILURE;
    }
    tear_down(&master);
    activation_free(&passed);
    log_close();
    return master.code;
}
