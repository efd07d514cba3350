#include "roles/role_main.h"

#include <openssl/crypto.h>
#include <sys/prctl.h>

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/scoreboard.h"
#include "roles/admin.h"
#include "roles/keeper.h"
#include "roles/keeper_slice.h"
#include "roles/role_start.h"
#include "roles/role_title.h"
#include "roles/scout.h"
#include "roles/trial.h"
#include "roles/worker.h"
#include "sandbox/privileges.h"
#include "sandbox/sandbox.h"
#include "tls/tls_init.h"

/* What a process has until its role's main function takes over. */
struct life {
    struct role_start start;
    struct sandbox_reach reach;
    struct scoreboard *board; /* NULL: it has none */
    struct scout *scout;
    struct trial trial;
};

static int
run_worker(struct life *life)
{
    struct worker_seed seed = {
        .board = life->board,
        .tickets = &life->start.tickets,
        .keeps_no_keys = life->start.keeps_no_keys != 0,
        .number = life->start.number,
    };

    return worker_run(&seed, life->start.slot, ROLE_FD_CHANNEL);
}

static bool
prepare_keeper(struct life *life, struct error *error)
{
    (void)life;
    (void)error;
    keeper_slice_shorten();
    return true;
}

static int
run_keeper(struct life *life)
{
    (void)life;
    return keeper_run(ROLE_FD_CHANNEL);
}

static int
run_admin(struct life *life)
{
    return admin_run(
        ROLE_FD_CHANNEL, ROLE_FD_CONTROL, life->board, geteuid());
}

/* c-ares opens what it cannot open later. */
static bool
prepare_scout(struct life *life, struct error *error)
{
    life->scout = scout_new(error);
    return life->scout != NULL;
}

static int
run_scout(struct life *life)
{
    return scout_run(life->scout, ROLE_FD_CHANNEL);
}

static int
descriptor_or_none(enum role_fd fd)
{
    return fd_is_open((int)fd) ? (int)fd : -1;
}

/* Where it may bind stands in the configuration. */
static bool
prepare_trial(struct life *life, struct error *error)
{
    (void)error; /* what is wrong with the configuration is the verdict's */
    life->trial = (struct trial){
        .bundle_fd = ROLE_FD_BUNDLE,
        .secrets_fd = descriptor_or_none(ROLE_FD_SECRETS),
        .scout_fd = descriptor_or_none(ROLE_FD_SCOUT),
        .workers = life->start.workers,
        .strict = life->start.strict != 0,
    };
    trial_load(&life->trial, &life->reach);
    return true;
}

static int
run_trial(struct life *life)
{
    return trial_run(&life->trial, ROLE_FD_CHANNEL);
}

static const struct {
    int (*run)(struct life *life); /* its main function */

    /* As the account that it has, before it is confined: for what it could not
     * do later.  NULL: nothing. */
    bool (*prepare)(struct life *life, struct error *error);
} mains[ROLE_COUNT] = {
    [ROLE_WORKER] = { run_worker, NULL },
    [ROLE_KEEPER] = { run_keeper, prepare_keeper },
    [ROLE_SCOUT] = { run_scout, prepare_scout },
    [ROLE_ADMIN] = { run_admin, NULL },
    [ROLE_TRIAL] = { run_trial, prepare_trial },
};

/* The master decides what a signal means, and tells its children: a terminal's
 * Ctrl-C and a service manager's SIGTERM reach all of them at once. */
static void
reset_signals(void)
{
    static const int defaults[] = { SIGCHLD, SIGALRM };
    static const int ignored[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2,
        SIGPIPE };
    sigset_t none;

    for (size_t i = 0; i < COUNT(defaults); i++)
        (void)signal(defaults[i], SIG_DFL);
    for (size_t i = 0; i < COUNT(ignored); i++)
        (void)signal(ignored[i], SIG_IGN);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Standard error goes where the lines of the log go, for what the C library may
 * have to say. */
static void
set_up_process(const struct role_start *start)
{
    reset_signals();
    log_become_child(STDERR_FILENO);
    log_adjust((enum log_dress)start->log_dress,
        (enum log_format)start->log_format, (enum log_level)start->log_level);
    /* The C library opens a file when it is first asked for a time of day, even
     * for UTC. */
    tzset();
}

/* The descriptors are closed: nothing can be mapped from them later. */
static bool
open_board(struct life *life, struct error *error)
{
    unsigned fds = role_info((enum role)life->start.role)->fds;

    if ((fds & ROLE_FD_BIT(BOARD_WRITE)) != 0)
        life->board = scoreboard_open_slot(
            ROLE_FD_SCOREBOARD, ROLE_FD_BOARD_WRITE, life->start.slot);
    else if ((fds & ROLE_FD_BIT(SCOREBOARD)) != 0)
        life->board = scoreboard_open(ROLE_FD_SCOREBOARD);
    else
        return true;
    if (life->board == NULL)
        error_add(error, "cannot map the scoreboard: %s", strerror(errno));
    close(ROLE_FD_SCOREBOARD);
    close(ROLE_FD_BOARD_WRITE);
    return life->board != NULL;
}

static bool
become_account(const struct role_start *start, struct error *error)
{
    struct account account = {
        .uid = start->uid,
        .gid = start->gid,
        .name = (char *)start->account,
    };

    return *start->account == '\0' || privileges_drop(&account, error);
}

/* Under its name it has no rights any more. */
static void
name_process(const struct role_start *start)
{
    char name[ROLE_NAME_SIZE];

    (void)prctl(PR_SET_NAME,
        role_start_name((enum role)start->role, start->number, name));
}

static bool
prepare_and_confine(struct life *life, struct error *error)
{
    enum role role = (enum role)life->start.role;
    const struct role_info *info = role_info(role);

    role_start_reach(&life->start, &life->reach);
    if ((info->has_tls && !tls_init(error)) ||
        !open_board(life, error) || !become_account(&life->start, error) ||
        (mains[role].prepare != NULL && !mains[role].prepare(life, error)))
        return false;
    name_process(&life->start);
    return sandbox_enter(role, (enum sandbox_mode)life->start.sandbox,
        info->has_reach ? &life->reach : NULL, error);
}

static int
run_role(struct life *life)
{
    enum role role = (enum role)life->start.role;
    struct error error = { 0 };
    int code = EXIT_FAILURE;

    set_up_process(&life->start);
    if (prepare_and_confine(life, &error))
        code = mains[role].run(life);
    for (size_t i = 0; i < error.count; i++)
        log_error(NULL, "%s: %s", role_name(role), error.messages[i]);
    error_clear(&error);
    scoreboard_free(life->board);
    log_close();
    return code;
}

/* Executing a program that can be read has made this process dumpable, and that
 * its account's other processes may look at it: before there is any secret, it is
 * that no more. */
int
role_main(char *title)
{
    static struct life life; /* some of it is large */
    struct error error = { 0 };
    int code;

    role_title_open(title);
    if (!sandbox_forbid_dumps(&error) || !role_start_take(&life.start)) {
        error_clear(&error);
        fputs("sallyport: this name is that of processes which the daemon "
            "starts itself\n", stderr);
        return EXIT_USAGE;
    }
    code = run_role(&life);
    OPENSSL_cleanse(&life.start, sizeof(life.start));
    return code;
}
