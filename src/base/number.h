/* Whole numbers as the operator writes them. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

/* A suffix and what the number before it is multiplied by. */
struct number_unit {
    const char *name;
    uint64_t scale;
};

/* Decimal digits and nothing else: no sign, no space, no other base.  False:
 * something else, or too large; `*value` is then unchanged. */
NODISCARD bool number_parse(const char *text, uint64_t *value);

/* Decimal digits and then exactly one of `units`. */
NODISCARD bool number_parse_scaled(const char *text,
    const struct number_unit *units, size_t count, uint64_t *value);

/* What ends a noun behind `count`: "", or "s". */
const char *number_plural(uint64_t count);

/* The first of `units` that divides `value`; one of them must have scale 1. */
const struct number_unit *number_exact_unit(uint64_t value,
    const struct number_unit *units);

#endif
