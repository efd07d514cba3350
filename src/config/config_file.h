/*
 * Configuration files on disk.
 */
#ifndef CONFIG_CONFIG_FILE_H
#define CONFIG_CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct fault;
struct strings;

/* The whole of a file, allocated.  NULL: `fault` says why. */
NODISCARD char *config_file_read(const char *path, size_t *length,
    struct fault *fault);

/* The absolute name of the directory that a file is in, allocated.  NULL: it
 * does not exist, or no memory. */
char *config_file_directory(const char *path);

/* Adds the files that a glob(7) pattern matches, in the order of their names;
 * text that is no pattern is the name of one file.  Relative to `directory`
 * if that is not NULL.  False: `fault` says why. */
NODISCARD bool config_file_glob(struct strings *paths, const char *pattern,
    const char *directory, struct fault *fault);

#endif
