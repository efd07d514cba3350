/* Lengths of time as the operator writes them: "500ms", "30s", "5m", "off". */
#ifndef BASE_DURATION_H
#define BASE_DURATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

#define DURATION_TEXT_SIZE 24

/* What duration_parse takes, for messages about what it does not. */
#define DURATION_EXPECTED \
    "a number with a unit (ms, s, m, h or d), such as 30s, or off"

/* A whole number and one unit; "0" and "off" are 0.  Any other number without
 * a unit is refused: whether seconds or milliseconds were meant is a guess.
 * False: not a time, or too long for `*ms`, which is then unchanged. */
NODISCARD bool duration_parse(const char *text, uint64_t *ms);

/* In the largest unit that is exact; 0 is "off".  Returns `text`. */
const char *duration_format(uint64_t ms, char text[DURATION_TEXT_SIZE]);

#endif
