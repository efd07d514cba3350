#include "base/duration.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"

/* Largest first, for number_exact_unit. */
static const struct number_unit units[] = {
    { "d", DAYS(1) },
    { "h", HOURS(1) },
    { "m", MINUTES(1) },
    { "s", SECONDS(1) },
    { "ms", 1 },
};

bool
duration_parse(const char *text, uint64_t *ms)
{
    if (strcmp(text, "0") == 0 || strcmp(text, "off") == 0) {
        *ms = 0;
        return true;
    }
    return number_parse_scaled(text, units, COUNT(units), ms);
}

const char *
duration_format(uint64_t ms, char text[DURATION_TEXT_SIZE])
{
    const struct number_unit *unit = number_exact_unit(ms, units);

    if (ms == 0)
        return strcpy(text, "off");
    snprintf(text, DURATION_TEXT_SIZE, "%" PRIu64 "%s", ms / unit->scale,
        unit->name);
    return text;
}
