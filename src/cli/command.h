/*
 * The subcommands of `sallyport`.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "base/base.h"

struct config;
struct error;

/* Exit codes. */
enum { EXIT_DONE = 0, EXIT_FAULT = 1, EXIT_USAGE = 2 };

#define DEFAULT_CONFIG "/etc/sallyport/sallyport.ini"

/* Each runs the subcommand whose name is arguments[0] and returns the exit
 * code of the program. */
typedef int command_fn(int count, char *const *arguments);

command_fn command_run;
command_fn command_check;
command_fn command_config;
command_fn command_tunnel;
command_fn command_demo;
command_fn command_status;
command_fn command_reload;
command_fn command_upgrade;
command_fn command_drain;
command_fn command_version;
command_fn command_help;

/* Reads `[-c FILE]`, the only option of several subcommands, from what stands
 * behind arguments[0], and the file.  `words`: how the subcommand is called.
 * NULL: explained on stderr, and `*code` is the exit code. */
NODISCARD struct config *command_load(
    const char *words, int count, char *const *arguments, int *code);

/* Prints every message of `error` to stderr and empties it. */
void command_explain(struct error *error);

/* Serves `config` in the foreground until it is told to stop; returns the exit
 * code. */
NODISCARD int command_serve(struct config *config);

#endif
