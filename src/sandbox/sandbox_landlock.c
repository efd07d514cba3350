#include "sandbox/sandbox_landlock.h"

#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "config/config.h"
#include "sandbox/sandbox_reach.h"

/* The kernel's interface in our words, for the system's headers may be older
 * than the kernel that this runs on.  The numbers are those of landlock(7). */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#define GET_VERSION 1U /* landlock_create_ruleset(2) */

enum rule_type { RULE_PATH = 1, RULE_PORT = 2 };

#define FS_REMOVE_FILE (UINT64_C(1) << 5)
#define FS_MAKE_SOCK (UINT64_C(1) << 9)

#define TCP_BIND (UINT64_C(1) << 0)
#define TCP_CONNECT (UINT64_C(1) << 1)

#define SCOPE_ABSTRACT (UINT64_C(1) << 0)
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

/* A kernel that knows less of it asks that the rest is 0. */
struct ruleset {
    uint64_t files;
    uint64_t tcp;
    uint64_t scopes;
};

struct path_rule {
    uint64_t allowed;
    int32_t fd;
} __attribute__((packed));

struct port_rule {
    uint64_t allowed;
    uint64_t port;
};

/* How many rights to files each version has: they are its lowest bits. */
static uint64_t
all_files(int version)
{
    static const unsigned rights[] = { 0, 13, 14, 15, 15, 16 };
    size_t last = COUNT(rights) - 1;

    return (UINT64_C(1)
        << rights[(size_t)version < last ? (size_t)version : last]) - 1;
}

int
sandbox_landlock_version(void)
{
    long version =
        syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, GET_VERSION);

    return version > 0 ? (int)version : 0;
}

static bool
fail_landlock(struct error *error, const char *what)
{
    error_add(error, "Landlock: %s: %s", what, strerror(errno));
    return false;
}

/* Sockets may be made, and dead ones removed, in the folder of the path.  One
 * that is not there needs no leave. */
static bool
allow_folder_of(int ruleset, const char *path, struct error *error)
{
    struct path_rule rule = { .allowed = FS_MAKE_SOCK | FS_REMOVE_FILE };
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL ? strdup(".")
        : strndup(path, slash == path ? 1 : (size_t)(slash - path));
    bool ok;

    if (folder == NULL) {
        errno = ENOMEM;
        return fail_landlock(error, path);
    }
    rule.fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    if (rule.fd < 0)
        return true;
    ok = syscall(SYS_landlock_add_rule, ruleset, RULE_PATH, &rule, 0U) == 0 ||
        fail_landlock(error, path);
    close(rule.fd);
    return ok;
}

static bool
allow_port(
    int ruleset, uint64_t allowed, unsigned port, struct error *error)
{
    const struct port_rule rule = { .allowed = allowed, .port = port };

    return syscall(SYS_landlock_add_rule, ruleset, RULE_PORT, &rule, 0U) ==
        0 || fail_landlock(error, "cannot allow a port");
}

static bool
allow_reach(
    int ruleset, const struct sandbox_reach *reach, struct error *error)
{
    for (unsigned port = 0; port <= UINT16_MAX; port++)
        if ((reach->ports[port / 8] >> port % 8 & 1) != 0 &&
            !allow_port(ruleset, TCP_CONNECT, port, error))
            return false;
    return true;
}

static bool
allow_listener(int ruleset, int version, const struct endpoint *listen,
    struct error *error)
{
    if (listen->kind == ENDPOINT_UNIX)
        return listen->path[0] == '@' ||
            allow_folder_of(ruleset, listen->path, error);
    return listen->kind != ENDPOINT_INET || version < LANDLOCK_TCP ||
        allow_port(ruleset, TCP_BIND, listen->port, error);
}

static bool
allow_listeners(int ruleset, int version, const struct config *config,
    struct error *error)
{
    for (size_t i = 0; i < config->service_count; i++) {
        const struct endpoints *listen = &config->services[i].listen;

        for (size_t j = 0; j < listen->count; j++)
            if (!allow_listener(ruleset, version, &listen->items[j], error))
                return false;
    }
    return true;
}

static bool
add_rules(int ruleset, int version, enum role role,
    const struct sandbox_reach *reach, struct error *error)
{
    if (reach != NULL && reach->listens != NULL &&
        !allow_listeners(ruleset, version, reach->listens, error))
        return false;
    if (version < LANDLOCK_TCP)
        return true;
    if (role_info(role)->port != 0 &&
        !allow_port(ruleset, TCP_CONNECT, role_info(role)->port, error))
        return false;
    return reach == NULL || allow_reach(ruleset, reach, error);
}

bool
sandbox_landlock_confine(
    enum role role, const struct sandbox_reach *reach, struct error *error)
{
    int version = sandbox_landlock_version();
    struct ruleset all = { .files = all_files(version) };
    int ruleset;
    bool ok;

    if (version < LANDLOCK_FILES)
        return true;
    if (version >= LANDLOCK_TCP)
        all.tcp = TCP_BIND |
            (reach != NULL && reach->anywhere ? 0 : TCP_CONNECT);
    if (version >= LANDLOCK_SCOPES)
        all.scopes = SCOPE_SIGNAL |
            (reach != NULL && reach->abstract_sockets ? 0 : SCOPE_ABSTRACT);
    ruleset = (int)syscall(
        SYS_landlock_create_ruleset, &all, sizeof(all), 0U);
    if (ruleset < 0)
        return fail_landlock(error, "cannot make a ruleset");
    ok = add_rules(ruleset, version, role, reach, error) &&
        (syscall(SYS_landlock_restrict_self, ruleset, 0U) == 0 ||
            fail_landlock(error, "cannot restrict this process"));
    close(ruleset);
    return ok;
}
