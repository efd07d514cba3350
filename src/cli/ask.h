/*
 * Requests to a daemon that runs: it is found by its configuration file, asked
 * one thing, and what it says is printed.
 */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include <stdbool.h>

#include "admin/verbs.h"
#include "base/base.h"

struct ask {
    const char *file;      /* of the daemon */
    const char *socket;    /* NULL: follows from `file` */
    const char *operand;   /* the word that is no option; NULL: none */
    bool json;
};

/* Sends the request, waits for the answer as long as the verb's row says, and
 * prints it: to stderr if it tells of a failure.  Returns the exit code. */
NODISCARD int ask_daemon(const struct ask *ask, enum verb verb);

#endif
