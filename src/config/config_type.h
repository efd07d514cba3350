/*
 * A value of an option, by the row of its type (config_type_rows.h): whatever
 * is done with values goes through here.
 *
 * `base` is the struct of the option's scope.
 */
#ifndef CONFIG_CONFIG_TYPE_H
#define CONFIG_CONFIG_TYPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct fault;
struct files;
struct option;
struct origin;

/* Sets the option's field; a list grows by the value instead.  Relative paths
 * are taken from `directory`, or left alone if that is NULL; `files` as for
 * config_endpoint_parse().  False: `fault` says why, the field is as it was (a
 * list may have grown by a part of the value). */
NODISCARD bool config_type_parse(const struct option *option,
    const char *text, const char *directory, struct files *files, void *base,
    struct fault *fault);

/* How many values are to be written; 0: the option is not set. */
size_t config_type_count(const struct option *option, const void *base);

/* The value at `index` as text from which it can be parsed again, allocated.
 * NULL: out of memory. */
NODISCARD char *config_type_format(const struct option *option,
    const void *base, size_t index);

/* Whether the option has the same values in both.  False also where there is no
 * memory to compare them. */
bool config_type_same(const struct option *option, const void *a,
    const void *b);

/* Frees what the field owns; it is not set any more then, or keeps a value that
 * owns nothing. */
void config_type_clear(const struct option *option, void *base);

/* Where the value at `index` was written, if values of this type keep that
 * themselves.  NULL: they do not. */
struct origin *config_type_origin(const struct option *option,
    const void *base, size_t index);

/* What is to be written behind the '=', for the help.  Returns `text`. */
enum { CONFIG_TYPE_EXPECTS_SIZE = 256 };
const char *config_type_expects(const struct option *option,
    char text[CONFIG_TYPE_EXPECTS_SIZE]);

#endif
