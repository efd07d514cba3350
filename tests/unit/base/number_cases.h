/* Tables of texts that are, or are not, a number. */
#ifndef BASE_NUMBER_CASES_H
#define BASE_NUMBER_CASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct number_case {
    const char *in;
    bool good;
    uint64_t want;
};

/* Expects that `parse` returns what each case says, and leaves the number as
 * it was where it returns false. */
void number_cases_judge(const struct number_case *cases, size_t count,
    bool (*parse)(const char *text, uint64_t *number));

#endif
