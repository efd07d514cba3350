/*
 * The commands of `sallyport`.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/base.h"

struct command_line;
struct config;
struct error;
struct files;

/* Each runs the command of line->command and returns the exit code of the
 * program. */
typedef int command_fn(const struct command_line *line);

command_fn command_run;
command_fn command_check;
command_fn command_config_show;
command_fn command_init;
command_fn command_tunnel;
command_fn command_demo;
command_fn command_verb; /* of any verb that has a command (admin/verbs.h) */
command_fn command_selftest;
command_fn command_completion;
command_fn command_version;
command_fn command_help;

/* Prints `error`, what is wrong with the command line, and how the command is
 * used.  Returns the exit code. */
int command_refuse(const struct command_line *line, struct error *error);

/* Reads line->file into `files` (NULL: out of memory), which it gives back.  NULL:
 * every fault is in `error`. */
NODISCARD struct config *command_load(const struct command_line *line,
    struct files *files, struct error *error);

/* The last step of loading for a config_source: reads what the services' TLS
 * options name, so that it is kept, and gives `files` (NULL: out of memory)
 * back.  Returns `config`. */
NODISCARD struct config *command_keep(
    struct files *files, struct config *config, struct error *error);

/* For a config_source: the configuration that is made of the words behind
 * `tunnel` (a struct command_words). */
struct command_words {
    int count;
    char *const *items;
};
NODISCARD struct config *command_load_words(void *arg, struct error *error);

#endif
