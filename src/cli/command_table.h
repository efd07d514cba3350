/*
 * The tables of the command line: which commands there are, which flags each takes,
 * and what is said of both.  The parser, the usage, the help and the completion
 * of shells read the rows; main.c has the function of each command.
 *
 * What asks a daemon has its row in admin/verbs.c instead.
 */
#ifndef CLI_COMMAND_TABLE_H
#define CLI_COMMAND_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "admin/verbs.h"
#include "base/base.h"

#define DEFAULT_CONFIG "/etc/sallyport/sallyport.ini"

enum command_flag {
    FLAG_CONFIG,
    FLAG_SOCKET,
    FLAG_JSON,
    FLAG_RUNNING,
    FLAG_USER,
    FLAG_STRICT,
    FLAG_QUIET,
    FLAG_CONNECT,
    FLAG_HELP,    /* of every command */
    FLAG_TEST,    /* stands for the command `check` */
    FLAG_VERSION, /* stands for the command `version` */
    FLAG_COUNT
};

/* For sets of flags: FLAG_BIT(CONFIG) | FLAG_BIT(JSON). */
#define FLAG_BIT(word) (1U << FLAG_##word)

struct command_flag_info {
    const char *name;  /* behind "--"; NULL: it has its letter alone */
    char letter;       /* behind "-"; 0: it has its name alone */
    const char *value; /* "FILE", which follows; NULL: none does */
    const char *help;
};

enum command_id {
    COMMAND_RUN,
    COMMAND_CHECK,
    COMMAND_CONFIG_SHOW,
    COMMAND_TUNNEL,
    COMMAND_DEMO,
    COMMAND_INIT,
    COMMAND_VERB, /* whichever it is: struct command has it */
    COMMAND_SELFTEST,
    COMMAND_COMPLETION,
    COMMAND_HELP,
    COMMAND_VERSION,
    COMMAND_COUNT
};

/* Words behind a command that are no flags. */
enum command_operands {
    OPERANDS_NONE,
    OPERANDS_FILE, /* one may stand for -c */
    OPERANDS_ONE,
    OPERANDS_SOME, /* none, one or two */
    OPERANDS_ALL,  /* whatever stands there is its own, flags too but for help */
};

struct command {
    const char *name; /* one word or two */
    enum command_id id;
    enum verb verb;   /* of COMMAND_VERB */
    unsigned flags;   /* but for FLAG_HELP */
    enum command_operands takes;
    const char *operand;      /* as the usage has it; NULL: none */
    const char *const *words; /* that it may be, NULL behind them; NULL: any */
    const char *help;    /* a line of `sallyport help` */
    const char *text;    /* what `help COMMAND` adds */
    const char *example; /* lines, each with its newline */
};

/* In the order of the help.  The verbs of admin/verbs.h that have a command of
 * their own are among them. */
size_t command_table_count(void);
const struct command *command_table_at(size_t index);

/* The command of that name.  NULL: there is none. */
const struct command *command_table_find(const char *name);

/* The first command whose name is this word and another one.  NULL: none. */
const struct command *command_table_first_of(const char *word);

const struct command_flag_info *command_table_flag(enum command_flag flag);

/* What stands behind the command's name in its usage, with a blank in front of
 * each part: " [-c FILE | -s SOCKET] [--json]".  Returns `text`. */
enum { COMMAND_SYNOPSIS_SIZE = 128 };
const char *command_table_synopsis(
    const struct command *command, char text[COMMAND_SYNOPSIS_SIZE]);

#endif
