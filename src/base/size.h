/* Sizes as the operator writes them: "1500", "64k", "1m", "2g". */
#ifndef BASE_SIZE_H
#define BASE_SIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

#define BYTES_TEXT_SIZE 24

/* What bytes_parse takes, for messages about what it does not. */
#define BYTES_EXPECTED \
    "a number of bytes, or one with k, m or g (1024 each), such as 64k"

/* False: not a size, or too large for `*bytes`, which is then unchanged. */
NODISCARD bool bytes_parse(const char *text, uint64_t *bytes);

/* In the largest unit that is exact.  Returns `text`. */
const char *bytes_format(uint64_t bytes, char text[BYTES_TEXT_SIZE]);

#endif
