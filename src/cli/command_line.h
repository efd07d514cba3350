/*
 * What stands behind `sallyport` on the command line, read by the tables of
 * command_table.h.  Flags may stand before the command and after it.
 */
#ifndef CLI_COMMAND_LINE_H
#define CLI_COMMAND_LINE_H

#include <stdbool.h>

#include "base/base.h"
#include "cli/command_table.h"

struct error;

enum { COMMAND_OPERANDS_MAX = 2 };

/* All texts are the caller's words. */
struct command_line {
    const struct command *command; /* NULL: none was named */
    unsigned flags;                /* that were given */
    const char *file;              /* DEFAULT_CONFIG where none was named */
    const char *socket;            /* NULL: none was named */
    const char *user;              /* likewise */
    const char *operands[COMMAND_OPERANDS_MAX];
    int operand_count;

    /* Of OPERANDS_ALL: everything behind the command. */
    char *const *rest;
    int rest_count;
};

/* Reads the `count` words behind the program's name.  With FLAG_HELP among the
 * flags no word needs to be there.  False: `error` says which word is wrong; the
 * command is set if it was understood. */
NODISCARD bool command_line_parse(struct command_line *line, int count,
    char *const *words, struct error *error);

bool command_line_has(
    const struct command_line *line, enum command_flag flag);

#endif
