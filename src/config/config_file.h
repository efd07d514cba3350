/*
 * Configuration files: their text, and which ones an include means.  Where they
 * are read from is `files` (files.h).
 */
#ifndef CONFIG_CONFIG_FILE_H
#define CONFIG_CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct config;
struct fault;
struct file_content;
struct files;
struct strings;

/* The whole of a file; release it with files_release().  False: `fault` says
 * why. */
NODISCARD bool config_file_read(struct files *files, const char *path,
    struct file_content *content, struct fault *fault);

/* Logs a warning of each file of the configuration that any user may change. */
void config_file_warn(const struct config *config);

/* Adds the files that a glob(7) pattern matches, in the order of their names;
 * text that is no pattern is the name of one file.  Relative to `directory`
 * if that is not NULL.  False: `fault` says why. */
NODISCARD bool config_file_glob(struct files *files, struct strings *paths,
    const char *pattern, const char *directory, struct fault *fault);

#endif
