/*
 * What status, reload, upgrade and drain have in common: finding the daemon by
 * its configuration file, asking it one thing, and printing what it says.
 */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

struct ask {
    const char *file;      /* of the daemon */
    const char *socket;    /* NULL: follows from `file` */
    const char *operand;   /* the word that is no option; NULL: none */
    bool json;
};

/* Reads what stands behind arguments[0]: `-c FILE`, `-s SOCKET`, one word, and
 * `--json`.  False: something else. */
NODISCARD bool ask_parse(
    struct ask *ask, int count, char *const *arguments);

/* Sends the request, a line without its newline, waits up to `patience_ms` for
 * each part of the answer and prints it: to stderr if it tells of a failure.
 * Returns the exit code. */
NODISCARD int ask_daemon(
    const struct ask *ask, const char *request, uint64_t patience_ms);

#endif
