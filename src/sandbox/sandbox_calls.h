/*
 * The lists of system calls: what each role may do.
 */
#ifndef SANDBOX_SANDBOX_CALLS_H
#define SANDBOX_SANDBOX_CALLS_H

#include <seccomp.h>
#include <stddef.h>

#include "base/base.h"

enum { SANDBOX_ARGUMENTS_MAX = 3 };

/* What a process must have been given besides its role. */
enum sandbox_need {
    SANDBOX_NEEDS_NOTHING,
    SANDBOX_NEEDS_PORTS, /* in its reach */
    SANDBOX_NEEDS_UNIX,
    SANDBOX_NEEDS_ZONES,
    SANDBOX_NEEDS_PATHS, /* of unix sockets to listen at */
};

/* By name, for not every architecture and every libseccomp knows every call.
 * Rules for one call stand beside each other: any may agree, and does if all of
 * its arguments are as it says. */
struct sandbox_call {
    const char *name;
    unsigned roles; /* one bit each */
    enum sandbox_need need;
    unsigned count; /* of arguments that are looked at */
    struct scmp_arg_cmp arguments[SANDBOX_ARGUMENTS_MAX];
};

extern const struct sandbox_call sandbox_allowed[];
extern const size_t sandbox_allowed_count;

/* Calls whose argument is to be this process: `argument` is its index. */
struct sandbox_self {
    const char *name;
    unsigned argument;
};
extern const struct sandbox_self sandbox_on_self[];
extern const size_t sandbox_on_self_count;

/* What the C library tries and goes without: these fail even where all else
 * that is not allowed ends the process. */
extern const struct sandbox_call sandbox_fails[];
extern const size_t sandbox_fails_count;

#endif
