#include "base/size.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"

/* Largest first, for number_exact_unit. */
static const struct number_unit units[] = {
    { "g", 1 << 30 },
    { "m", 1 << 20 },
    { "k", 1 << 10 },
    { "", 1 },
};

bool
bytes_parse(const char *text, uint64_t *bytes)
{
    return number_parse_scaled(text, units, COUNT(units), bytes);
}

const char *
bytes_format(uint64_t bytes, char text[BYTES_TEXT_SIZE])
{
    const struct number_unit *unit = number_exact_unit(bytes, units);

    if (bytes == 0)
        return strcpy(text, "0");
    snprintf(text, BYTES_TEXT_SIZE, "%" PRIu64 "%s", bytes / unit->scale,
        unit->name);
    return text;
}
