#include "sandbox/sandbox_filter.h"

#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/syscall.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "sandbox/sandbox_calls.h"
#include "sandbox/sandbox_reach.h"

/* Fewer tests for each call than one after the other. */
enum { AS_TREE = 2 };

bool
sandbox_filter_works(void)
{
    uint32_t action = SECCOMP_RET_ERRNO;

    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0U, &action) == 0;
}

static bool
fail_filter(struct error *error, const char *what, int code)
{
    error_add(error, "the filter of system calls: %s: %s", what,
        strerror(-code));
    return false;
}

/* A call that this architecture does not have, or libseccomp does not know,
 * needs no rule. */
static bool
add_filter_rule(scmp_filter_ctx filter, uint32_t action, const char *name,
    unsigned count, const struct scmp_arg_cmp *arguments, struct error *error)
{
    int number = seccomp_syscall_resolve_name(name);
    int code;

    if (number < 0)
        return true;
    code = seccomp_rule_add_array(filter, action, number, count, arguments);
    return code == 0 || fail_filter(error, name, code);
}

static bool
has_need(enum sandbox_need need, const struct sandbox_reach *reach)
{
    switch (need) {
    case SANDBOX_NEEDS_PORTS:
        return reach != NULL && sandbox_reach_has_ports(reach);
    case SANDBOX_NEEDS_UNIX:
        return reach != NULL && reach->unix_sockets;
    case SANDBOX_NEEDS_ZONES:
        return reach != NULL && reach->zones;
    case SANDBOX_NEEDS_PATHS:
        return reach != NULL && reach->listens_at_paths;
    default:
        return true;
    }
}

static bool
add_calls(scmp_filter_ctx filter, uint32_t action, enum role role,
    const struct sandbox_reach *reach, const struct sandbox_call *calls,
    size_t count, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        const struct sandbox_call *call = &calls[i];

        if ((call->roles >> role & 1) != 0 && has_need(call->need, reach) &&
            !add_filter_rule(filter, action, call->name, call->count,
                call->arguments, error))
            return false;
    }
    return true;
}

/* What abort(3) takes. */
static bool
allow_on_self(scmp_filter_ctx filter, struct error *error)
{
    for (size_t i = 0; i < sandbox_on_self_count; i++) {
        const struct scmp_arg_cmp self = {
            .arg = sandbox_on_self[i].argument,
            .op = SCMP_CMP_MASKED_EQ,
            .datum_a = UINT32_MAX,
            .datum_b = (uint32_t)getpid(),
        };

        if (!add_filter_rule(filter, SCMP_ACT_ALLOW, sandbox_on_self[i].name, 1,
                &self, error))
            return false;
    }
    return true;
}

static bool
allow_calls(scmp_filter_ctx filter, enum role role, bool kill,
    const struct sandbox_reach *reach, struct error *error)
{
    return add_calls(filter, SCMP_ACT_ALLOW, role, reach, sandbox_allowed,
               sandbox_allowed_count, error) &&
        allow_on_self(filter, error) &&
        (!kill ||
            add_calls(filter, SCMP_ACT_ERRNO(EPERM), role, reach,
                sandbox_fails, sandbox_fails_count, error));
}

/* No new privileges is the caller's business, so that it is the same on kernels
 * without filters. */
static bool
load_filter(scmp_filter_ctx filter, struct error *error)
{
    int code = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);

    if (code == 0)
        code = seccomp_attr_set(
            filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (code != 0)
        return fail_filter(error, "cannot be set up", code);
    /* Not of every libseccomp, and only faster. */
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, AS_TREE);
    code = seccomp_load(filter);
    return code == 0 || fail_filter(error, "cannot be loaded", code);
}

bool
sandbox_filter_confine(enum role role, bool kill,
    const struct sandbox_reach *reach, struct error *error)
{
    uint32_t refuse = kill ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM);
    scmp_filter_ctx filter;
    bool ok;

    if (!sandbox_filter_works())
        return true;
    filter = seccomp_init(refuse);
    if (filter == NULL)
        return fail_filter(error, "cannot be made", -ENOMEM);
    ok = allow_calls(filter, role, kill, reach, error) &&
        load_filter(filter, error);
    seccomp_release(filter);
    return ok;
}
