/* A growing list of strings. */
#ifndef BASE_STRINGS_H
#define BASE_STRINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct strings {
    char **items;
    size_t count;
};

/* Appends a copy of `length` bytes, NUL-terminated.  False: out of memory,
 * nothing changed. */
NODISCARD bool strings_add(
    struct strings *strings, const char *text, size_t length);

/* Frees all strings; the list is empty afterwards. */
void strings_clear(struct strings *strings);

#endif
