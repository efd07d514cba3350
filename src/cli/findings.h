/*
 * What `check` finds: errors and warnings, which are told together, in the order of
 * the lines that they are about, and counted.
 */
#ifndef CLI_FINDINGS_H
#define CLI_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "base/error.h"

struct findings {
    struct error errors;
    struct error warnings; /* in the form of errors */
};

/* What the log is warned of from here on goes to `found`, which must stay where it
 * is, and not to the log. */
void findings_begin(struct findings *found);

/* "2 errors, 1 warning"; returns `text`. */
enum { FINDINGS_COUNT_SIZE = 64 };
const char *findings_count(
    const struct findings *found, char text[FINDINGS_COUNT_SIZE]);

/* Prints and empties them; what is warned of goes to the log again. */
void findings_end(struct findings *found);

#endif
