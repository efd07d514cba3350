/*
 * Whether the accounts that a configuration names are there.
 */
#ifndef SANDBOX_ACCOUNT_CHECK_H
#define SANDBOX_ACCOUNT_CHECK_H

#include "base/base.h"

struct config;
struct error;

/* Adds a fault, with its place, for each of `user`, `group`, `keeper_user`,
 * `listen.owner` and `listen.group` that a start would refuse: it looks them up
 * (getpwnam(3)), so the process must still see the system's files. */
void account_check(const struct config *config, struct error *error);

#endif
