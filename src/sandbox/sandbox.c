#include "sandbox/sandbox.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "sandbox/capabilities.h"
#include "sandbox/privileges.h"
#include "sandbox/sandbox_filter.h"
#include "sandbox/sandbox_landlock.h"

/* What sanitizers and the counting of lines that ran do at a process's end
 * takes files, threads and traces. */
#ifdef INSTRUMENTED
static const bool instrumented = true;
#else
static const bool instrumented = false;
#endif

/*
 * What the master does after its start: it binds ports, reads the configuration
 * and keys, whosever they are, gives unix sockets to their owners, becomes other
 * users in its children, stops them, raises their limits, and takes all of this
 * from them.  It writes where root may by the permissions alone.
 */
static const uint64_t masters_capabilities =
    CAPABILITY(CAP_NET_BIND_SERVICE) | CAPABILITY(CAP_DAC_READ_SEARCH) |
    CAPABILITY(CAP_CHOWN) | CAPABILITY(CAP_FOWNER) | CAPABILITY(CAP_SETUID) |
    CAPABILITY(CAP_SETGID) | CAPABILITY(CAP_KILL) |
    CAPABILITY(CAP_SYS_RESOURCE) | CAPABILITY(CAP_SETPCAP);

static bool
fail_sandbox(struct error *error, const char *what)
{
    error_add(error, "the sandbox: %s: %s", what, strerror(errno));
    return false;
}

/* Both limits, so that it cannot be taken back. */
static bool
lower_limit(__rlimit_resource_t resource, rlim_t most, struct error *error)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) != 0)
        return fail_sandbox(error, "getrlimit");
    if (limit.rlim_max > most)
        limit.rlim_max = most;
    if (limit.rlim_cur > limit.rlim_max)
        limit.rlim_cur = limit.rlim_max;
    return setrlimit(resource, &limit) == 0 ||
        fail_sandbox(error, "setrlimit");
}

bool
sandbox_forbid_dumps(struct error *error)
{
    return lower_limit(RLIMIT_CORE, 0, error) &&
        (instrumented || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ||
            fail_sandbox(error, "PR_SET_DUMPABLE"));
}

static bool
limit_resources(enum role role, struct error *error)
{
    unsigned most_fds = role_info(role)->most_fds;

    return lower_limit(RLIMIT_NPROC, 0, error) &&
        (most_fds == 0 || lower_limit(RLIMIT_NOFILE, most_fds, error));
}

/* Of the master's rights a role that binds has the one that this takes. */
static bool
limit_capabilities(struct error *error)
{
    return capabilities_limit(CAPABILITY(CAP_NET_BIND_SERVICE)) ||
        fail_sandbox(error, "capabilities");
}

bool
sandbox_enter(enum role role, enum sandbox_mode mode,
    const struct sandbox_reach *reach, struct error *error)
{
    if (instrumented)
        return true;
    if (mode == SANDBOX_OFF)
        return !role_info(role)->has_keys || sandbox_forbid_dumps(error);
    if (!limit_resources(role, error) || !sandbox_forbid_dumps(error))
        return false;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return fail_sandbox(error, "PR_SET_NO_NEW_PRIVS");
    if (!sandbox_landlock_confine(role, reach, error) ||
        (role_info(role)->may_bind && !limit_capabilities(error)))
        return false;
    return sandbox_filter_confine(role, mode == SANDBOX_KILL, reach, error);
}

/* No filter and no Landlock: the next program, which it becomes the parent of in
 * an upgrade, would have them too. */
bool
sandbox_reduce_master(enum sandbox_mode mode, struct error *error)
{
    if (mode == SANDBOX_OFF)
        return true;
    if (!capabilities_bound(masters_capabilities) ||
        !capabilities_limit(masters_capabilities))
        return fail_sandbox(error, "capabilities");
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ||
        fail_sandbox(error, "PR_SET_NO_NEW_PRIVS");
}

bool
sandbox_is_possible(void)
{
    return !instrumented;
}

static bool
covers_ports(
    const struct sandbox_reach *have, const struct sandbox_reach *want)
{
    for (size_t i = 0; i < sizeof(have->ports) && !have->anywhere; i++)
        if ((want->ports[i] & ~have->ports[i]) != 0)
            return false;
    return true;
}

/* What the filter judges is a kind of socket, what Landlock does a place. */
bool
sandbox_reach_covers(
    const struct sandbox_reach *have, const struct sandbox_reach *want)
{
    int version = sandbox_landlock_version();

    if (!sandbox_is_possible())
        return true;
    if (sandbox_filter_works() &&
        ((want->unix_sockets && !have->unix_sockets) ||
            (want->zones && !have->zones) ||
            (sandbox_reach_has_ports(want) && !sandbox_reach_has_ports(have))))
        return false;
    return (version < LANDLOCK_TCP || covers_ports(have, want)) &&
        (version < LANDLOCK_SCOPES || have->abstract_sockets ||
            !want->abstract_sockets);
}

void
sandbox_add_missing(char text[SANDBOX_MISSING_SIZE], const char *what)
{
    size_t length = strlen(text);

    snprintf(text + length, SANDBOX_MISSING_SIZE - length, "%s%s",
        length > 0 ? "; " : "", what);
}

bool
sandbox_missing(char text[SANDBOX_MISSING_SIZE])
{
    int version = sandbox_landlock_version();
    bool filters = sandbox_filter_works();

    text[0] = '\0';
    if (instrumented) {
        sandbox_add_missing(text, "anything (this program was built with "
            "sanitizers or to count what runs)");
        return true;
    }
    if (!filters)
        sandbox_add_missing(
            text, "which system calls are made (needs seccomp)");
    if (version < LANDLOCK_FILES)
        sandbox_add_missing(text, "that files are out of reach (needs Landlock, "
            "Linux 5.13)");
    if (version < LANDLOCK_TCP)
        sandbox_add_missing(text, "that workers connect to configured TCP "
            "ports only (needs Landlock, Linux 6.7)");
    if (version < LANDLOCK_SCOPES)
        sandbox_add_missing(text, "that workers connect to configured abstract "
            "sockets only (needs Landlock, Linux 6.12)");
    sandbox_add_missing(
        text, "that workers connect to configured unix paths only");
    sandbox_add_missing(text, "that the scout sends UDP to name servers only");
    if (privileges_keep_groups())
        sandbox_add_missing(text, "that processes have no supplementary groups "
            "(needs a start as root)");
    return !filters || version < LANDLOCK_SCOPES;
}
