/*
 * Reads the configuration language into a `struct config`.
 */
#ifndef CONFIG_CONFIG_LOAD_H
#define CONFIG_CONFIG_LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct config;
struct config_loading;
struct error;
struct files;

/* Reads `path` and what it includes, applies defaults and checks everything
 * that can be checked without opening a certificate or resolving a name.
 * NULL: every fault found is in `error`.  The caller gives the result back with
 * config_unref(). */
NODISCARD struct config *config_load_file(const char *path,
    struct error *error);

/* The configuration of `sallyport tunnel LISTEN CONNECT [--OPTION=VALUE ...]`:
 * one service named "tunnel".  `arguments` are the words after "tunnel"; the
 * options are those of a service and of [global]. */
NODISCARD struct config *config_load_arguments(int count,
    char *const *arguments, struct error *error);

/* The same, from files that will be packed (tls_files_gather, files_pack):
 * these are told what to begin with.  The configuration refers to `files` for
 * itself. */
NODISCARD struct config *config_load_file_keeping(struct files *files,
    const char *path, struct error *error);
NODISCARD struct config *config_load_arguments_keeping(struct files *files,
    int count, char *const *arguments, struct error *error);

/* Once more what such files were told to begin with (files_renew). */
NODISCARD struct config *config_load_again(struct files *files,
    struct error *error);

/* Loads the bundle in `fd`, to the configuration or the faults that its packer
 * had; private keys are in the bundle `secrets_fd`, or (-1) where
 * they are not needed.  The caller keeps both and may close them. */
NODISCARD struct config *config_load_bundle(
    int fd, int secrets_fd, struct error *error);

/* The same in steps, for a process that serves meanwhile: begins with reading what
 * was written, and each step makes or checks one service.  `error` has to stay until
 * the end.  NULL: every fault is in it. */
NODISCARD struct config_loading *config_load_begin(
    int fd, int secrets_fd, struct error *error);

/* False: no step is left. */
NODISCARD bool config_load_step(struct config_loading *loading);

/* Takes `loading`, of which no step is left.  NULL: every fault is in the errors. */
NODISCARD struct config *config_load_finish(struct config_loading *loading);

/* Takes `loading`, at any time, or NULL. */
void config_load_abandon(struct config_loading *loading);

/* From memory (`name` stands for the file in messages); `include` is refused.
 * For tests and fuzzing. */
NODISCARD struct config *config_load_text(const char *name, const char *text,
    size_t length, struct error *error);

#endif
