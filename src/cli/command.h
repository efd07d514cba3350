/*
 * The subcommands of `sallyport`.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/base.h"

struct config;
struct error;
struct files;

#define DEFAULT_CONFIG "/etc/sallyport/sallyport.ini"

/* Each runs the subcommand whose name is arguments[0] and returns the exit
 * code of the program. */
typedef int command_fn(int count, char *const *arguments);

command_fn command_run;
command_fn command_check;
command_fn command_config;
command_fn command_tunnel;
command_fn command_demo;
command_fn command_verb; /* of any verb that has a command (admin/verbs.h) */
command_fn command_selftest;
command_fn command_version;
command_fn command_help;

/* Reads `[-c FILE]`, the only option of several subcommands, from what stands
 * behind arguments[0], and the file.  `words`: how the subcommand is called.
 * NULL: explained on stderr, and `*code` is the exit code. */
NODISCARD struct config *command_load(
    const char *words, int count, char *const *arguments, int *code);

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

/* The FILE of `[-c FILE]`, or the usual one.  NULL: explained on stderr. */
NODISCARD const char *command_file(
    const char *words, int count, char *const *arguments);

#endif
