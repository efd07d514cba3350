/*
 * What each process may still do once it has begun: a filter of system calls
 * (libseccomp), Landlock by the kernel's ABI, resource limits, no core dumps.
 *
 * What this kernel cannot enforce is never assumed: sandbox_missing() names it.
 */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include <stdbool.h>

#include "base/base.h"
#include "config/config.h"
#include "ipc/role.h"
#include "sandbox/sandbox_reach.h"

struct error;

/* True if a process confined to `have` can do all of `want`, as far as this
 * kernel enforces it. */
bool sandbox_reach_covers(
    const struct sandbox_reach *have, const struct sandbox_reach *want);

/* Confines this process, which has given up its user already, to what `role`
 * takes; there is no way back.  `reach`: a worker's or the trial's (NULL:
 * nowhere); NULL for others.  With SANDBOX_OFF only roles with keys may not
 * dump core.  False: the process must end. */
NODISCARD bool sandbox_enter(enum role role, enum sandbox_mode mode,
    const struct sandbox_reach *reach, struct error *error);

/* No core dump of this process and of those that it starts, and no look at their
 * memory by another process of the account: before any key is read. */
NODISCARD bool sandbox_forbid_dumps(struct error *error);

/* The master, once it knows the configuration: only the capabilities that a
 * start, reloads and upgrades need, and no new privileges.  With SANDBOX_OFF it
 * keeps all. */
NODISCARD bool sandbox_reduce_master(
    enum sandbox_mode mode, struct error *error);

/* False in instrumented builds, which do not confine any process. */
bool sandbox_is_possible(void);

/* In words, separated by "; ": what this kernel or build cannot enforce.  ""
 * if nothing is missing.  True: it is more than what no kernel can so far. */
enum { SANDBOX_MISSING_SIZE = 512 };
bool sandbox_missing(char text[SANDBOX_MISSING_SIZE]);

/* Names one thing more that is not enforced. */
void sandbox_add_missing(char text[SANDBOX_MISSING_SIZE], const char *what);

#endif
