/*
 * Tries the sandbox: for each role, what must fail and what must work, each in
 * a process of its own.
 */
#ifndef SANDBOX_SANDBOX_SELFTEST_H
#define SANDBOX_SANDBOX_SELFTEST_H

#include <stdbool.h>
#include <stdio.h>

#include "base/base.h"
#include "config/config.h"

struct account;
struct error;

/* Prints a table to `out`; the processes become `account` and are confined as
 * `mode` says.  False: something was allowed that this system is able to forbid,
 * or failed that a role needs, as the table tells; or it could not be tried, as
 * `error` does. */
NODISCARD bool sandbox_selftest(const struct account *account,
    enum sandbox_mode mode, FILE *out, struct error *error);

#endif
