#include "sandbox/sandbox.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/address.h"
#include "base/error.h"
#include "base/scratch.h"
#include "config/config.h"
#include "net/wire.h"
#include "sandbox/capabilities.h"
#include "sandbox/privileges.h"
#include "sandbox/sandbox_attempts.h"
#include "sandbox/sandbox_calls.h"
#include "sandbox/sandbox_filter.h"
#include "sandbox/sandbox_landlock.h"
#include "sandbox/sandbox_selftest.h"

TestSuite(sandbox, .timeout = 60);

static const enum role confined[] = {
    ROLE_WORKER, ROLE_KEEPER, ROLE_SCOUT, ROLE_ADMIN,
};

/* What is left of `run` in a child: its status, as of waitpid(2). */
static int
in_child(int (*run)(enum role role), enum role role)
{
    pid_t child = fork();
    int status;

    cr_assert_geq(child, 0);
    if (child == 0)
        _exit(run(role));
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

static void
want_sandbox(void)
{
    if (!sandbox_is_possible())
        cr_skip_test("this build confines no process");
}

/* The table, as text to be freed. */
static char *
table(enum sandbox_mode mode, bool *good)
{
    struct error error = { 0 };
    struct account account;
    char *text = NULL;
    size_t length;
    FILE *memory = open_memstream(&text, &length);

    cr_assert_not_null(memory);
    cr_assert(account_find(NULL, NULL, &account, &error));
    *good = sandbox_selftest(&account, mode, memory, &error);
    cr_assert_not(error_any(&error), "%s", error.messages[0]);
    account_clear(&account);
    fclose(memory);
    return text;
}

static size_t
count(const char *text, const char *word)
{
    size_t found = 0;

    for (text = strstr(text, word); text != NULL;
         text = strstr(text + 1, word))
        found++;
    return found;
}

Test(sandbox, refuses_what_is_no_duty)
{
    static const enum sandbox_mode modes[] = { SANDBOX_ON, SANDBOX_KILL };

    for (size_t i = 0; i < COUNT(modes); i++) {
        bool good;
        char *text = table(modes[i], &good);

        cr_expect(good, "%s", text);
        if (sandbox_is_possible() && sandbox_filter_works())
            cr_expect_gt(count(text, " refused"), 150, "%s", text);
        free(text);
    }
}

/* Or the table would prove nothing: without a sandbox most acts are possible,
 * even to a process without any privilege. */
Test(sandbox, the_table_can_fail)
{
    bool good;
    char *text = table(SANDBOX_OFF, &good);

    if (sandbox_is_possible() && sandbox_filter_works()) {
        cr_expect_not(good);
        cr_expect_gt(count(text, " ALLOWED"), 100, "%s", text);
    }
    cr_expect_eq(count(text, " FAILS"), 0, "%s", text);
    free(text);
}

static int
enter(enum role role, enum sandbox_mode mode)
{
    struct error error = { 0 };

    return sandbox_enter(role, mode, NULL, &error) ? 0 : 1;
}

static rlim_t
most(__rlimit_resource_t resource)
{
    struct rlimit limit;

    return getrlimit(resource, &limit) == 0 ? limit.rlim_max : RLIM_INFINITY;
}

static int
see_limits(enum role role)
{
    if (enter(role, SANDBOX_ON) != 0 || most(RLIMIT_CORE) != 0 ||
        most(RLIMIT_NPROC) != 0)
        return 1;
    return role == ROLE_WORKER || most(RLIMIT_NOFILE) <= 1024 ? 0 : 2;
}

/* Promise 26 */
Test(sandbox, limits_each_role)
{
    want_sandbox();
    for (size_t i = 0; i < COUNT(confined); i++)
        cr_expect_eq(in_child(see_limits, confined[i]), 0, "%s",
            role_name(confined[i]));
}

static int
stray(enum role role)
{
    if (enter(role, SANDBOX_KILL) != 0)
        return 1;
    return chdir("/") == 0 ? 2 : 3;
}

/* Promise 26 */
Test(sandbox, ends_a_process_that_strays)
{
    want_sandbox();
    if (!sandbox_filter_works())
        cr_skip_test("this kernel has no filters");
    for (size_t i = 0; i < COUNT(confined); i++) {
        int status = in_child(stray, confined[i]);

        cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS,
            "%s: %#x", role_name(confined[i]), status);
    }
}

/* The kernel's answer to abort(3) is the same as ever. */
static int
abort_confined(enum role role)
{
    if (enter(role, SANDBOX_KILL) != 0)
        return 1;
    abort();
}

Test(sandbox, lets_a_process_abort)
{
    want_sandbox();
    for (size_t i = 0; i < COUNT(confined); i++) {
        int status = in_child(abort_confined, confined[i]);

        cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT,
            "%s: %#x", role_name(confined[i]), status);
    }
}

/* What the trial is to bind: a port, and a path in a folder of its own. */
static struct endpoint listens[] = {
    { .kind = ENDPOINT_INET },
    { .kind = ENDPOINT_UNIX },
};
static struct service_config listening = {
    .name = (char *)"a",
    .listen = { listens, COUNT(listens) },
};
static struct config trial_config = {
    .services = &listening,
    .service_count = 1,
};

static bool
binds_path(const char *path)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct address address;

    return fd >= 0 && address_from_path(&address, path) &&
        bind(fd, (const struct sockaddr *)&address.storage,
            address.length) == 0;
}

static bool
binds_port(unsigned port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct address address;

    return fd >= 0 && address_from_numeric(&address, "127.0.0.1", port) &&
        bind(fd, (const struct sockaddr *)&address.storage,
            address.length) == 0 && listen(fd, 1) == 0;
}

/* 0, or which of the trial's duties or bounds does not hold. */
static int
be_trial(enum role role)
{
    bool places = sandbox_landlock_version() >= LANDLOCK_FILES;
    bool ports = sandbox_landlock_version() >= LANDLOCK_TCP;
    const char *path = listens[1].path;
    struct error error = { 0 };
    struct sandbox_reach reach;

    sandbox_reach_of_trial(&trial_config, &reach);
    if (!sandbox_enter(role, SANDBOX_ON, &reach, &error))
        return 1;
    if (!binds_port(listens[0].port) || !binds_path(path))
        return 2;
    if (chmod(path, 0600) == 0 || chown(path, getuid(), getgid()) == 0 ||
        open(path, O_PATH | O_CLOEXEC) >= 0)
        return 9;
    if (unlink(path) != 0 || !binds_path(path) || unlink(path) != 0)
        return 3;
    if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 ||
        open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0)
        return 4;
    if (places && (binds_path("/tmp/sallyport-elsewhere") ||
        unlink(scratch_path("file")) == 0))
        return 5;
    if (ports && binds_port(listens[0].port + 1U))
        return 6;
    if (socket(AF_INET, SOCK_DGRAM, 0) >= 0 || chown("/", 1, 1) == 0)
        return 7;
    execl("/bin/true", "true", NULL);
    return errno == EPERM ? 0 : 8;
}

/* Promise 47: it has the keys and the master's account. */
Test(sandbox, the_trial_may_bind_what_it_tries_and_nothing_else)
{
    char path[200];
    int status, fd;

    want_sandbox();
    if (!sandbox_filter_works())
        cr_skip_test("this kernel has no filters");
    snprintf(path, sizeof(path), "%s", scratch_path("doors"));
    cr_assert_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s", scratch_path("doors/a"));
    fd = open(scratch_path("file"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    close(fd);
    listens[0].host = (char *)"127.0.0.1";
    listens[0].port = wire_free_port();
    listens[1].path = path;
    status = in_child(be_trial, ROLE_TRIAL);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%#x", status);
    rmdir(scratch_path("doors"));
    scratch_remove();
}

static int
be_off(enum role role)
{
    if (enter(role, SANDBOX_OFF) != 0)
        return 1;
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 &&
            prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0
        ? 0 : 2;
}

Test(sandbox, can_be_off)
{
    for (size_t i = 0; i < COUNT(confined); i++)
        cr_expect_eq(in_child(be_off, confined[i]), 0);
}

static bool
dumps_core(void)
{
    return most(RLIMIT_CORE) != 0 || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0;
}

static int
be_off_with_keys(enum role role)
{
    struct error error = { 0 };

    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0 || !dumps_core())
        return 1;
    if (role == ROLE_MASTER ? !sandbox_forbid_dumps(&error)
                            : enter(role, SANDBOX_OFF) != 0)
        return 2;
    return dumps_core() ? 3 : 0;
}

/* Promise 24 */
Test(sandbox, is_never_so_far_off_that_keys_are_dumped)
{
    static const enum role roles[] = { ROLE_MASTER, ROLE_TRIAL, ROLE_KEEPER };

    want_sandbox();
    for (size_t i = 0; i < COUNT(roles); i++)
        cr_expect_eq(in_child(be_off_with_keys, roles[i]), 0, "%s",
            role_name(roles[i]));
    cr_expect_eq(WEXITSTATUS(in_child(be_off_with_keys, ROLE_WORKER)), 3);
}

/* Descriptors that a process has stay of use. */
static int
use_what_is_there(enum role role)
{
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    char byte;

    if (fd < 0 || enter(role, SANDBOX_KILL) != 0)
        return 1;
    return read(fd, &byte, 1) == 1 ? 0 : 2;
}

Test(sandbox, leaves_open_files_alone)
{
    for (size_t i = 0; i < COUNT(confined); i++)
        cr_expect_eq(in_child(use_what_is_there, confined[i]), 0);
}

static int
open_files(enum role role)
{
    static const char *const paths[] = {
        "/etc/hosts", "/etc/resolv.conf", "/dev/urandom", "/run", "/etc/passwd",
    };

    if (enter(role, SANDBOX_ON) != 0)
        return 1;
    for (size_t i = 0; i < COUNT(paths); i++)
        if (open(paths[i], O_RDONLY | O_CLOEXEC) >= 0 || errno != EPERM)
            return 2;
    return 0;
}

/* Promise 47: whichever account the daemon has. */
Test(sandbox, the_scout_opens_no_file)
{
    want_sandbox();
    if (!sandbox_filter_works())
        cr_skip_test("this kernel has no filters");
    cr_expect_eq(in_child(open_files, ROLE_SCOUT), 0);
}

/* A slip in a name would make a rule of the table vanish in silence. */
Test(sandbox, knows_every_call_that_it_names)
{
    for (size_t i = 0; i < sandbox_allowed_count; i++)
        cr_expect(seccomp_syscall_resolve_name(sandbox_allowed[i].name) !=
                __NR_SCMP_ERROR ||
                strcmp(sandbox_allowed[i].name, "map_shadow_stack") == 0,
            "%s", sandbox_allowed[i].name);
}

static void
set_port(struct sandbox_reach *reach, unsigned port)
{
    reach->ports[port / 8] |= (uint8_t)(1U << port % 8);
}

Test(sandbox, a_reach_is_what_services_connect_to)
{
    struct endpoint servers[] = {
        { .kind = ENDPOINT_INET, .host = (char *)"a.example", .port = 443 },
        { .kind = ENDPOINT_INET, .host = (char *)"::1", .port = 65535 },
        { .kind = ENDPOINT_UNIX, .path = (char *)"/run/x" },
        { .kind = ENDPOINT_UNIX, .path = (char *)"@x" },
    };
    struct service_config service = { .connect = { .items = servers } };
    const struct config config = { .services = &service, .service_count = 1 };
    struct sandbox_reach reach, want = { .unix_sockets = false };

    service.connect.count = 2;
    sandbox_reach_of(&config, &reach);
    set_port(&want, 443);
    set_port(&want, 65535);
    cr_expect_eq(memcmp(&reach, &want, sizeof(want)), 0);
    service.connect.count = 3;
    sandbox_reach_of(&config, &reach);
    cr_expect(reach.unix_sockets && !reach.abstract_sockets);
    service.connect.count = 4;
    sandbox_reach_of(&config, &reach);
    cr_expect(reach.unix_sockets && reach.abstract_sockets);
    service.connect.count = 1;
    sandbox_reach_add(&reach, &config);
    set_port(&want, 443);
    cr_expect_eq(memcmp(reach.ports, want.ports, sizeof(want.ports)), 0);
}

Test(sandbox, a_reach_has_zones_if_a_server_does)
{
    struct endpoint server = { .kind = ENDPOINT_INET, .port = 443 };
    struct service_config service = {
        .connect = { .items = &server, .count = 1 },
    };
    const struct config config = { .services = &service, .service_count = 1 };
    struct sandbox_reach reach;

    server.host = (char *)"fe80::1";
    sandbox_reach_of(&config, &reach);
    cr_expect_not(reach.zones);
    server.host = (char *)"fe80::1%eth0";
    sandbox_reach_of(&config, &reach);
    cr_expect(reach.zones);
}

static int
find_zone(bool zones)
{
    const struct sandbox_reach reach = { .zones = zones };
    struct error error = { 0 };

    if (!sandbox_enter(ROLE_WORKER, SANDBOX_ON, &reach, &error))
        return 1;
    if (socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0)
        return 2;
    return if_nametoindex("lo") > 0 ? 0 : 3;
}

static int
find_zone_of_reach(enum role role)
{
    (void)role;
    return find_zone(true);
}

static int
find_zone_of_none(enum role role)
{
    (void)role;
    return find_zone(false);
}

Test(sandbox, a_worker_finds_zones_if_its_servers_have_them)
{
    want_sandbox();
    if (!sandbox_filter_works())
        cr_skip_test("this kernel has no filters");
    cr_expect_eq(WEXITSTATUS(in_child(find_zone_of_reach, ROLE_WORKER)), 0);
    cr_expect_eq(WEXITSTATUS(in_child(find_zone_of_none, ROLE_WORKER)), 3);
}

Test(sandbox, a_reach_covers_what_is_in_it)
{
    struct sandbox_reach none = { .unix_sockets = false }, one = none;
    struct sandbox_reach two = none, paths = none, names = none, zone = none;
    struct sandbox_reach all;
    bool tcp = sandbox_is_possible() &&
        sandbox_landlock_version() >= LANDLOCK_TCP;
    bool scopes = sandbox_is_possible() &&
        sandbox_landlock_version() >= LANDLOCK_SCOPES;
    bool filters = sandbox_is_possible() && sandbox_filter_works();

    set_port(&one, 1);
    set_port(&two, 1);
    set_port(&two, 65535);
    paths.unix_sockets = true;
    names.unix_sockets = names.abstract_sockets = true;
    zone.zones = true;
    cr_expect(sandbox_reach_covers(&none, &none));
    cr_expect(sandbox_reach_covers(&one, &none));
    cr_expect(sandbox_reach_covers(&two, &one));
    cr_expect(sandbox_reach_covers(&names, &paths));
    cr_expect_eq(sandbox_reach_covers(&one, &two), !tcp);
    cr_expect_eq(sandbox_reach_covers(&none, &one), !filters && !tcp);
    cr_expect_eq(sandbox_reach_covers(&one, &paths), !filters);
    cr_expect_eq(sandbox_reach_covers(&paths, &names), !scopes);
    cr_expect_eq(sandbox_reach_covers(&none, &zone), !filters);
    cr_expect(sandbox_reach_covers(&zone, &none));
    sandbox_reach_anywhere(&all);
    cr_expect(sandbox_reach_covers(&all, &two));
    cr_expect(sandbox_reach_covers(&all, &names));
    cr_expect(sandbox_reach_covers(&all, &zone));
    cr_expect_eq(sandbox_reach_covers(&two, &all), !filters);
}

static int
be_master(enum role role)
{
    const uint64_t kept = CAPABILITY(CAP_SETUID) | CAPABILITY(CAP_SETPCAP);
    struct error error = { 0 };

    (void)role;
    if (!sandbox_reduce_master(SANDBOX_ON, &error))
        return 1;
    if (capabilities_beyond(UINT64_MAX) || !capabilities_beyond(0))
        return 2;
    if (prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) != 0 ||
        prctl(PR_CAPBSET_READ, CAP_DAC_OVERRIDE, 0, 0, 0) != 0 ||
        prctl(PR_CAPBSET_READ, CAP_SETUID, 0, 0, 0) != 1)
        return 3;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        return 4;
    /* Again, as the one that an upgrade has started. */
    if (!sandbox_reduce_master(SANDBOX_ON, &error))
        return 5;
    return capabilities_limit(kept) && !capabilities_beyond(kept) ? 0 : 6;
}

Test(sandbox, reduces_the_master)
{
    if (geteuid() != 0 || prctl(PR_CAPBSET_READ, CAP_SETPCAP, 0, 0, 0) != 1)
        cr_skip_test("only root has anything to give up");
    cr_expect_eq(in_child(be_master, ROLE_MASTER), 0);
}

/* Promise 26 */
Test(sandbox, names_what_is_missing)
{
    char text[SANDBOX_MISSING_SIZE];
    bool much = sandbox_missing(text);

    cr_expect(strstr(text, "UDP") != NULL || !sandbox_is_possible());
    cr_expect_eq(much, !sandbox_is_possible() || !sandbox_filter_works() ||
        sandbox_landlock_version() < LANDLOCK_SCOPES, "%s", text);
}
