#include "master/master.h"

#include <event2/event.h>
#include <sys/wait.h>

#include <signal.h>
#include <stdlib.h>
#include <sysexits.h>
#include <string.h>
#include <unistd.h>

#include "admin/control_path.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/number.h"
#include "base/scoreboard.h"
#include "base/version.h"
#include "config/config.h"
#include "master/dispatch.h"
#include "master/parts.h"
#include "master/requests.h"
#include "master/spawn.h"
#include "sandbox/sandbox.h"
#include "systemd/activation.h"
#include "tls/tls_init.h"

/* systemd, and a shell around the daemon, may send one stop as two signals. */
enum { SECOND_SIGNAL_MS = 500 };

static void
end_for_signal(struct master *master, int number)
{
    unsigned long long count = master_connections(master);

    master->end_asked = true;
    if (count > 0)
        log_warn(NULL, "second SIG%s: ending %llu connection%s now",
            sigabbrev_np(number), count, number_plural(count));
    master_end_now(master);
}

static void
on_stop(evutil_socket_t number, short what, void *arg)
{
    struct master *master = arg;
    const struct config *config = master->generations.current.config;
    uint64_t now_ms = clock_now_ms();

    (void)what;
    if (config == NULL) {
        master_give_up_start(master, EXIT_SUCCESS);
    } else if (master->stop_asked_ms == 0) {
        master->stop_asked_ms = now_ms;
        upgrade_pass_stop(&master->upgrade);
        master_stop(master, config->global.drain_timeout_ms);
    } else if (!master->end_asked &&
        now_ms - master->stop_asked_ms >= SECOND_SIGNAL_MS) {
        end_for_signal(master, number);
    }
}

static void
on_hup(evutil_socket_t number, short what, void *arg)
{
    struct master *master = arg;

    (void)number;
    (void)what;
    /* First: a reload that begins now is no pending one. */
    master->reload_by_signal = true;
    change_request(&master->changes, CHANGE_RELOAD);
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
    struct master *master = arg;

    (void)number;
    (void)what;
    change_request(&master->changes, CHANGE_UPGRADE);
}

static void
on_child(evutil_socket_t number, short what, void *arg)
{
    struct master *master = arg;
    int status;
    pid_t pid;

    (void)number;
    (void)what;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (!child_reap(&master->children, pid, status))
            upgrade_reap(&master->upgrade, pid, status);
}

/* Signals that come while a configuration is read are for later: what they ask
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
            master->children.base, signals[i].number, signals[i].act, master);
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
        close_unless_none(
            upgrade_inherited_control(&master->upgrade, NULL));
        return !error_any(error);
    }
    supervisor->control_fd =
        upgrade_inherited_control(&master->upgrade, supervisor->control_path);
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

static void
describe_state(void *arg, struct manager_status *status)
{
    const struct master *master = arg;
    const struct generation *current = &master->generations.current;

    *status = (struct manager_status){
        .generation = current->number,
        .services =
            current->config != NULL ? current->config->service_count : 0,
        .workers = current->workers,
        .connections = master_connections(master),
        .reload_fault = master->reload.state == RELOAD_FAILED
            ? master->reload.text
            : NULL,
        .reload_warning = master->reload.warnings.count > 0
            ? master->reload.warnings.messages[0]
            : NULL,
        .has_predecessor = upgrade_has_predecessor(&master->upgrade),
    };
}

/* A stop ends, even if the kernel keeps a process. */
static void
on_second(void *arg, bool dead)
{
    struct master *master = arg;

    listen_check(&master->listen_check);
    if (!dead || !master->supervisor.stopping)
        return;
    log_error(NULL, "leaving behind killed processes that do not end: they "
        "wait in the kernel, for a device or a file system");
    event_base_loopbreak(master->children.base);
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

/* Takes what the service manager has passed.  At an upgrade what no service wants
 * may be what none wants any more. */
static bool
take_passed(struct master *master, const struct config *config,
    struct activation *passed, struct error *error)
{
    fdstore_adopt(&master->fdstore, passed);
    return activation_lend(passed, &master->sockets, error) &&
        upgrade_inherit(&master->upgrade, error) &&
        activation_match(
            &master->sockets, config, !master->upgrade.inherits, error);
}

/* What needs nothing but memory; the parts know each other from here on. */
static void
join_parts(struct master *master)
{
    const struct upgrade_parts upgrade = {
        .source = master->source,
        .supervisor = &master->supervisor,
        .secret = &master->secret,
        .notify = &master->notify,
        .calls = &master_upgrade_calls,
        .arg = master,
    };

    LIST_INIT(&master->children.list);
    TAILQ_INIT(&master->requests);
    generations_init(&master->generations);
    upgrade_init(&master->upgrade, &upgrade);
    notify_init(&master->notify);
    watchdog_init(&master->watchdog);
    manager_state_init(
        &master->manager_state, &master->notify, describe_state, master);
    master->changes = (struct changes){
        .calls = &master_change_calls,
        .arg = master,
        .running = CHANGE_START,
    };
    master->fdstore = (struct fdstore){ &master->notify, &master->sockets };
    master->listen_check = (struct listen_check){
        .children = &master->children,
        .generations = &master->generations,
        .sockets = &master->sockets,
        .fdstore = &master->fdstore,
    };
    master->rollout.parts = (struct rollout_parts){
        .supervisor = &master->supervisor,
        .generations = &master->generations,
        .listen_check = &master->listen_check,
        .secret = &master->secret,
    };
    master->reload.parts = (struct reload_parts){
        .source = master->source,
        .generations = &master->generations,
        .children = &master->children,
        .rollout = &master->rollout,
        .tickets = &master->tickets,
        .done = master_reload_done,
        .arg = master,
    };
}

/* What needs the event loop and the scoreboard. */
static void
join_running_parts(struct master *master, bool keeps_keys)
{
    const struct supervisor_parts supervisor = {
        .children = &master->children,
        .generations = &master->generations,
        .sockets = &master->sockets,
        .account = &master->account,
        .keeper_account = &master->keeper_account,
        .tickets = &master->tickets.now,
        .keeps_keys = keeps_keys,
        .ready = master_on_ready,
        .arg = master,
    };

    supervisor_init(&master->supervisor, &supervisor);
    master->tickets.parts = (struct ticket_secret_parts){
        .base = master->children.base,
        .children = &master->children,
        .generations = &master->generations,
        .own = &master->secret,
    };
    master->manager_state.base = master->children.base;
    master->cert_reload.parts = (struct cert_reload_parts){
        .base = master->children.base,
        .generations = &master->generations,
        .rollout = &master->rollout,
        .wanted = master_certs_wanted,
        .renewed = master_certs_renewed,
        .done = master_certs_done,
        .arg = master,
    };
}

static bool
set_up_loop(struct master *master, const struct config *config,
    struct error *error)
{
    struct children *children = &master->children;

    children->base = event_base_new();
    children->board = scoreboard_new();
    children->calls = &dispatch_calls;
    children->arg = master;
    notify_attach(&master->notify, children->base);
    if (children->base != NULL)
        join_running_parts(master, config->global.keeper == KEEPER_ON);
    if (children->base != NULL && children->board != NULL &&
        watch_signals(master) &&
        cert_expiry_open(&master->cert_expiry, children->base) &&
        oversight_start(&master->oversight, children, on_second, master))
        return true;
    error_add(error, "cannot make an event loop: %m");
    return false;
}

/* The first line of the log. */
static void
log_start(const struct config *config)
{
    log_info(NULL, "sallyport " SALLYPORT_VERSION " starts with %s: %zu service%s",
        config->path != NULL ? config->path : "the command line",
        config->service_count, number_plural(config->service_count));
}

/* Capabilities go first: what works here works at a reload. */
static bool
set_up_master(struct master *master, const struct config *config,
    struct activation *passed, struct error *error)
{
    struct children *children = &master->children;

    children->sandbox = config->global.sandbox;
    children->program_fd = spawn_open_program(error);
    if (children->program_fd < 0 ||
        !sandbox_reduce_master(children->sandbox, error) ||
        !open_log(config, error))
        return false;
    log_start(config);
    return find_accounts(master, &config->global, error) &&
        tls_secret_make(&master->secret, error) &&
        set_up_loop(master, config, error) &&
        take_passed(master, config, passed, error) &&
        open_control(master, config, error);
}

/* After what a predecessor hands on has been taken. */
static bool
begin_tickets(
    struct master *master, const struct config *config, struct error *error)
{
    struct tls_ticket_secrets first;
    bool ok =
        ticket_secret_prepare(&master->tickets, config, &first, error);

    if (ok)
        ticket_secret_commit(&master->tickets, &first);
    else
        master->code = EX_CONFIG;
    explicit_bzero(&first, sizeof(first));
    return ok;
}

static void
tear_down_manager(struct master *master)
{
    manager_state_free(&master->manager_state);
    watchdog_stop(&master->watchdog);
    notify_free(&master->notify);
    upgrade_free(&master->upgrade);
    account_clear(&master->account);
    account_clear(&master->keeper_account);
}

static void
tear_down_master(struct master *master)
{
    struct supervisor *supervisor = &master->supervisor;
    sigset_t all;

    if (master->children.base == NULL) {
        tear_down_manager(master);
        return;
    }
    /* A late signal must not end us by its default. */
    sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, NULL);
    rollout_stop(&master->rollout);
    oversight_stop(&master->oversight);
    reload_clear(&master->reload);
    cert_expiry_close(&master->cert_expiry);
    ticket_secret_stop(&master->tickets);
    supervisor_clear(supervisor);
    listen_table_free(&master->sockets, master_leaves_paths(master));
    if (supervisor_close_control(supervisor) && !master_leaves_paths(master))
        control_remove(supervisor->control_path);
    free(supervisor->control_path);
    tear_down_manager(master);
    generation_clear(&master->generations.current);
    for (size_t i = 0; i < MASTER_SIGNALS; i++)
        if (master->signals[i] != NULL)
            event_free(master->signals[i]);
    scoreboard_free(master->children.board);
    event_base_free(master->children.base);
}

int
master_run(const struct config_source *source, bool *loaded)
{
    struct master master = {
        .source = source,
        .started_ms = clock_now_ms(),
        .children = { .program_fd = -1 },
    };
    struct activation passed;
    struct error error = { 0 };
    struct config *config = NULL;

    hold_signals(SIG_BLOCK);
    activation_take(&passed);
    master.code = EXIT_FAILURE;
    if (sandbox_forbid_dumps(&error)) {
        config = config_source_load(source, &error);
        master.code = config != NULL ? EXIT_FAILURE : EX_CONFIG;
    }
    *loaded = config != NULL;
    join_parts(&master);
    if (config != NULL && tls_init(&error) &&
        set_up_master(&master, config, &passed, &error) &&
        begin_tickets(&master, config, &error)) {
        master.code = EXIT_SUCCESS;
        rollout_start(
            &master.rollout, config, false, master_on_started, &master);
        if (!LIST_EMPTY(&master.children.list))
            event_base_dispatch(master.children.base);
        if (master.code == EXIT_SUCCESS)
            log_info(NULL, "stopped");
    } else {
        manager_state_failure(&master.manager_state, &error);
        error_print(&error);
        config_unref(config);
    }
    tear_down_master(&master);
    close_unless_none(master.children.program_fd);
    activation_free(&passed);
    log_close();
    return master.code;
}
