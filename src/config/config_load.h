/*
 * Reads the configuration language into a `struct config`.
 */
#ifndef CONFIG_CONFIG_LOAD_H
#define CONFIG_CONFIG_LOAD_H

#include <stddef.h>

#include "base/base.h"

struct config;
struct error;

/* Reads `path` and what it includes, applies defaults and checks everything
 * that can be checked without opening a certificate or resolving a name.
 * NULL: every fault found is in `error`.  The caller frees the result with
 * config_free(). */
NODISCARD struct config *config_load_file(const char *path,
    struct error *error);

/* The same from memory (`name` stands for the file in messages); `include` is
 * refused.  For tests and fuzzing. */
NODISCARD struct config *config_load_text(const char *name, const char *text,
    size_t length, struct error *error);

/* The configuration of `sallyport tunnel LISTEN CONNECT [--OPTION=VALUE ...]`:
 * one service named "tunnel".  `arguments` are the words after "tunnel"; the
 * options are those of a service and of [global]. */
NODISCARD struct config *config_load_arguments(int count,
    char *const *arguments, struct error *error);

#endif
