/*
 * The command line of `sallyport tunnel` as if it were a file: [global] and
 * one service.
 */
#ifndef CONFIG_CONFIG_ARGUMENTS_H
#define CONFIG_CONFIG_ARGUMENTS_H

#include "base/base.h"

struct config_source;
struct error;
struct origin;

/* Reads LISTEN CONNECT [--OPTION=VALUE ...] into an empty source.  `directory`
 * is where relative paths start from (it must outlive the source); NULL leaves
 * them as they are. */
void config_arguments_read(struct config_source *source, int count,
    char *const *words, const struct origin *origin, const char *directory,
    struct error *error);

#endif
