#include "sandbox/sandbox_selftest.h"

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "ipc/role.h"
#include "sandbox/privileges.h"
#include "sandbox/sandbox.h"
#include "sandbox/sandbox_attempts.h"
#include "sandbox/sandbox_filter.h"
#include "sandbox/sandbox_landlock.h"

/* Of a process that tries an act; a program that it runs ends with others. */
enum { CODE_REFUSED = 99, CODE_NOT_TRIED = 98 };

enum { WAIT_S = 10 };

enum outcome {
    REFUSED,
    WORKS,     /* as it has to */
    NOT_BOUND, /* it worked, and nothing here could have forbidden it */
    ALLOWED,   /* it worked, and should not have */
    BROKEN,    /* it should have worked */
    NOT_TRIED,
    OUTCOME_COUNT
};

static const char *const words[OUTCOME_COUNT] = {
    [REFUSED] = "refused",
    [WORKS] = "works",
    [NOT_BOUND] = "not enforced",
    [ALLOWED] = "ALLOWED",
    [BROKEN] = "FAILS",
    [NOT_TRIED] = "NOT TRIED",
};

struct selftest {
    const struct account *account;
    enum sandbox_mode mode;
    FILE *out;
    struct sandbox_scene scene;
    struct sandbox_reach reach; /* a worker's */
    bool filters;
    int version; /* of Landlock */
    unsigned counts[OUTCOME_COUNT];
};

static int
serve_tcp(struct sockaddr_in *address)
{
    socklen_t length = sizeof(*address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *address = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    if (fd >= 0 &&
        (bind(fd, (const struct sockaddr *)address, length) < 0 ||
            listen(fd, 16) < 0 ||
            getsockname(fd, (struct sockaddr *)address, &length) < 0)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* The kernel makes the name up. */
static int
serve_name(int type, struct sockaddr_un *address, socklen_t *length)
{
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    *length = sizeof(*address);
    if (fd >= 0 &&
        (bind(fd, (const struct sockaddr *)address, sizeof(sa_family_t)) < 0 ||
            (type == SOCK_STREAM && listen(fd, 16) < 0) ||
            getsockname(fd, (struct sockaddr *)address, length) < 0)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static bool
set_scene(struct sandbox_scene *scene)
{
    int pair[2];

    scene->parent = getpid();
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) < 0)
        pair[0] = pair[1] = -1;
    scene->given = pair[0];
    scene->fds[0] = pair[1];
    scene->fds[1] = serve_tcp(&scene->inside);
    scene->fds[2] = serve_tcp(&scene->outside);
    scene->fds[3] =
        serve_name(SOCK_STREAM, &scene->name, &scene->name_length);
    scene->fds[4] = serve_name(
        SOCK_DGRAM, &scene->datagrams, &scene->datagrams_length);
    for (size_t i = 0; i < COUNT(scene->fds); i++)
        if (scene->fds[i] < 0)
            return false;
    return true;
}

static void
clear_scene(const struct sandbox_scene *scene)
{
    if (scene->given >= 0)
        close(scene->given);
    for (size_t i = 0; i < COUNT(scene->fds); i++)
        if (scene->fds[i] >= 0)
            close(scene->fds[i]);
}

/* What an act prints is not for the table. */
static void
be_silent(void)
{
    int fd = open("/dev/null", O_WRONLY);

    if (fd >= 0) {
        (void)dup2(fd, STDOUT_FILENO);
        (void)dup2(fd, STDERR_FILENO);
    }
}

static _Noreturn void
try_act(const struct selftest *selftest, enum role role,
    const struct sandbox_act *act)
{
    struct error error = { 0 };
    static const struct sandbox_reach trial_reach = {
        .unix_sockets = true,
        .listens_at_paths = true,
    };
    const struct role_info *info = role_info(role);
    const struct sandbox_reach *reach = !info->has_reach ? NULL
        : info->may_bind                                 ? &trial_reach
                                                         : &selftest->reach;

    be_silent();
    alarm(WAIT_S);
    if (!privileges_drop(selftest->account, &error) ||
        !sandbox_enter(role, selftest->mode, reach, &error))
        _exit(CODE_NOT_TRIED);
    _exit(act->try(&selftest->scene) ? EXIT_SUCCESS : CODE_REFUSED);
}

static enum outcome
judge_attempt(const struct selftest *selftest, enum role role,
    const struct sandbox_act *act, int status)
{
    bool needed = role_is_among(act->allowed, role);
    bool bound = role_is_among(act->landlocked, role)
        ? selftest->version >= act->version
        : selftest->filters;

    if (WIFEXITED(status) && WEXITSTATUS(status) == CODE_NOT_TRIED)
        return NOT_TRIED;
    if (WIFSIGNALED(status) || WEXITSTATUS(status) == CODE_REFUSED)
        return needed ? BROKEN : REFUSED;
    return needed ? WORKS : bound ? ALLOWED : NOT_BOUND;
}

static enum outcome
attempt_in_child(const struct selftest *selftest, enum role role,
    const struct sandbox_act *act)
{
    int status;
    pid_t child = fork();

    if (child == 0)
        try_act(selftest, role, act);
    if (child < 0 || waitpid(child, &status, 0) != child)
        return NOT_TRIED;
    return judge_attempt(selftest, role, act, status);
}

static void
print_head(const struct selftest *selftest)
{
    fprintf(selftest->out, "%-40s", "");
    for (enum role role = 0; role < ROLE_COUNT; role++)
        if (role_is_child(role))
            fprintf(selftest->out, "%-13s", role_name(role));
    fputc('\n', selftest->out);
}

static void
print_act(struct selftest *selftest, const struct sandbox_act *act)
{
    fprintf(selftest->out, "%-40s", act->name);
    for (enum role role = 0; role < ROLE_COUNT; role++) {
        enum outcome outcome;

        if (!role_is_child(role))
            continue;
        fflush(selftest->out);
        outcome = attempt_in_child(selftest, role, act);
        selftest->counts[outcome]++;
        fprintf(selftest->out, "%-13s", words[outcome]);
    }
    fputc('\n', selftest->out);
}

static void
print_sum(const struct selftest *selftest)
{
    char missing[SANDBOX_MISSING_SIZE];

    fputc('\n', selftest->out);
    for (size_t i = 0; i < OUTCOME_COUNT; i++)
        if (selftest->counts[i] > 0)
            fprintf(selftest->out, "%u %s\n", selftest->counts[i], words[i]);
    (void)sandbox_missing(missing);
    if (missing[0] != '\0')
        fprintf(selftest->out, "This system does not enforce %s\n", missing);
}

bool
sandbox_selftest(const struct account *account, enum sandbox_mode mode,
    FILE *out, struct error *error)
{
    struct selftest selftest = {
        .account = account,
        .mode = mode,
        .out = out,
        .filters = sandbox_is_possible() && sandbox_filter_works(),
        .version = sandbox_is_possible() ? sandbox_landlock_version() : 0,
        .reach = { .unix_sockets = true },
    };
    unsigned port;

    if (!set_scene(&selftest.scene)) {
        error_add(error, "cannot make the sockets to try it with: %s",
            strerror(errno));
        clear_scene(&selftest.scene);
        return false;
    }
    port = ntohs(selftest.scene.inside.sin_port);
    selftest.reach.ports[port / 8] |= (uint8_t)(1U << port % 8);
    print_head(&selftest);
    for (size_t i = 0; i < sandbox_attempts_count; i++)
        print_act(&selftest, &sandbox_attempts[i]);
    print_sum(&selftest);
    clear_scene(&selftest.scene);
    return selftest.counts[ALLOWED] + selftest.counts[BROKEN] +
        selftest.counts[NOT_TRIED] == 0;
}
