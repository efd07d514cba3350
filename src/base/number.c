#include "base/number.h"

#include <string.h>

/* strtoull(3) would take signs, spaces and, silently, negative numbers.
 * Returns what follows the digits, NULL if there are none or too many. */
static const char *
read_digits(const char *text, uint64_t *value)
{
    const char *at = text;
    uint64_t sum = 0;

    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(*at - '0'), &sum))
            return NULL;
    *value = sum;
    return at == text ? NULL : at;
}

bool
number_parse(const char *text, uint64_t *value)
{
    static const struct number_unit none = { "", 1 };

    return number_parse_scaled(text, &none, 1, value);
}

bool
number_parse_scaled(const char *text, const struct number_unit *units,
    size_t count, uint64_t *value)
{
    uint64_t number, scaled;
    const char *suffix = read_digits(text, &number);

    for (size_t i = 0; suffix != NULL && i < count; i++) {
        if (strcmp(suffix, units[i].name) != 0)
            continue;
        if (__builtin_mul_overflow(number, units[i].scale, &scaled))
            return false;
        *value = scaled;
        return true;
    }
    return false;
}

const char *
number_plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

const struct number_unit *
number_exact_unit(uint64_t value, const struct number_unit *units)
{
    while (value % units->scale != 0)
        units++;
    return units;
}
