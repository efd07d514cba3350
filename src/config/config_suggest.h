/*
 * What a misspelt word may have meant.
 */
#ifndef CONFIG_CONFIG_SUGGEST_H
#define CONFIG_CONFIG_SUGGEST_H

#include <stddef.h>

#include "base/base.h"
#include "config/config_options.h"

/* Set `word`, zero the rest, and let every known word be considered. */
struct suggestion {
    const char *word;
    const char *best;   /* the nearest so far; NULL: none is near */
    size_t distance;
};

void config_suggest_consider(struct suggestion *suggestion,
    const char *known);

/* How many letters must be changed, left out, put in or swapped with their
 * neighbour to make `b` of `a`, in either case; words over 64 letters are far
 * from everything. */
size_t config_suggest_distance(const char *a, const char *b);

/* What to do about an option that its section does not know: a phrase such as
 * `did you mean "listen.cert"?`.  `value` is what was written for it; NULL: nothing.
 * Returns `text`. */
enum { CONFIG_HINT_SIZE = 256 };
const char *config_suggest_option(enum option_scope scope, const char *name,
    const char *value, char text[CONFIG_HINT_SIZE]);

#endif
