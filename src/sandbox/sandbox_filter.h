/*
 * The filter of system calls: a list of what each role is allowed, by
 * libseccomp.  Where it matters arguments are judged too; what a pointer leads
 * to cannot be.
 */
#ifndef SANDBOX_SANDBOX_FILTER_H
#define SANDBOX_SANDBOX_FILTER_H

#include <stdbool.h>

#include "base/base.h"
#include "ipc/role.h"

struct error;
struct sandbox_reach;

/* True if this kernel lets us filter. */
bool sandbox_filter_works(void);

/* Confines this process, as far as the kernel is able to.  `kill`: a call that
 * is not allowed ends it, rather than fail with EPERM.  `reach`: a worker's
 * (NULL: nowhere).  False: `error` says why. */
NODISCARD bool sandbox_filter_confine(enum role role, bool kill,
    const struct sandbox_reach *reach, struct error *error);

#endif
