/*
 * What the unit files on this machine say, systemd.unit(5): of a unit's own file
 * and its drop-ins, as they lie on the disk, whether or not the manager has read
 * them yet.
 */
#ifndef SYSTEMD_UNIT_FILE_H
#define SYSTEMD_UNIT_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

/* One assignment, "User" and "sallyport", whatever its section.  Blanks around
 * both are gone; a value may be empty, which forgets earlier ones of a list. */
typedef void unit_file_see_fn(const char *key, const char *value, void *arg);

/* Calls `see` for each assignment of a text.  Comments are skipped; lines that go on
 * behind a backslash, and those longer than UNIT_LINE_SIZE, are as well: none that
 * is asked for here is written so. */
enum { UNIT_LINE_SIZE = 4096 };
void unit_file_parse(
    const char *text, size_t length, unit_file_see_fn *see, void *arg);

/* The same for each file of the unit, the least significant one first: the last
 * assignment counts.  False: there is no file of that unit. */
NODISCARD bool unit_file_read(
    const char *unit, unit_file_see_fn *see, void *arg);

/* Puts the specifiers in a value that stand for the unit's name (%i, %n, %%) in
 * words.  False: there are others, or it does not fit. */
NODISCARD bool unit_file_expand(
    const char *unit, const char *value, char *text, size_t size);

#endif
