/*
 * Names of users and groups as text; whether there are such accounts is not
 * looked at.
 */
#ifndef CONFIG_CONFIG_ACCOUNT_H
#define CONFIG_CONFIG_ACCOUNT_H

#include <stdbool.h>

#include "base/base.h"

struct fault;

/* A user or a group.  False: `fault` says why. */
NODISCARD bool config_account_judge(const char *text, struct fault *fault);

/* USER or USER:GROUP. */
NODISCARD bool config_account_judge_owner(const char *text,
    struct fault *fault);

#endif
