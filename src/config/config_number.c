#include "config/config_number.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "base/number.h"
#include "base/size.h"
#include "config/config_fault.h"
#include "config/config_number_slip.h"
#include "config/config_options.h"

/* ", or off" */
#define OR_WORD_SIZE 32

static bool
is_zero_word(const struct option *option, const char *text)
{
    return option->zero != NULL && strcmp(text, option->zero) == 0;
}

static bool
is_within(const struct option *option, uint64_t value)
{
    return value >= option->min && value <= option->max;
}

static const char *
or_word(const struct option *option, char text[OR_WORD_SIZE])
{
    const char *zero = option->zero;

    snprintf(text, OR_WORD_SIZE, "%s%s", zero != NULL ? ", or " : "",
        zero != NULL ? zero : "");
    return text;
}

/* Numbers that are written with a unit. */
struct scale {
    const char *noun;
    const char *units;
    const char *expects;
    bool (*parse)(const char *text, uint64_t *value);
    const char *(*format)(uint64_t value, char *text);
};

static const struct scale times = {
    .noun = "time",
    .units = " (ms, s, m, h, d)",
    .expects = "a number with a unit (ms, s, m, h, d), such as 30s",
    .parse = duration_parse,
    .format = duration_format,
};

static const struct scale sizes = {
    .noun = "size",
    .units = " (k, m, g)",
    .expects = BYTES_EXPECTED,
    .parse = bytes_parse,
    .format = bytes_format,
};

enum { SCALED_SIZE = 24 };

_Static_assert(SCALED_SIZE >= DURATION_TEXT_SIZE, "holds a time");
_Static_assert(SCALED_SIZE >= BYTES_TEXT_SIZE, "holds a size");

/* "a time from 1s to 10m, or off" */
static void
describe_range(const struct option *option, const struct scale *scale,
    const char *units, char *text, size_t size)
{
    char least[SCALED_SIZE], most[SCALED_SIZE], zero[OR_WORD_SIZE];

    snprintf(text, size, "a %s from %s to %s%s%s", scale->noun,
        scale->format(option->min, least), scale->format(option->max, most),
        units, or_word(option, zero));
}

void
config_number_expects(const struct option *option, char *text, size_t size)
{
    char zero[OR_WORD_SIZE];

    snprintf(text, size, "a number from %" PRIu64 " to %" PRIu64 "%s",
        option->min, option->max, or_word(option, zero));
}

void
config_number_expects_time(const struct option *option, char *text,
    size_t size)
{
    describe_range(option, &times, times.units, text, size);
}

void
config_number_expects_size(const struct option *option, char *text,
    size_t size)
{
    describe_range(option, &sizes, sizes.units, text, size);
}

bool
config_number_parse(const struct option *option, const char *text,
    uint64_t *value, struct fault *fault)
{
    char range[128];
    uint64_t number = 0;

    if (!is_zero_word(option, text)
        && (!number_parse(text, &number) || !is_within(option, number))) {
        config_number_expects(option, range, sizeof(range));
        return config_refuse(fault, "\"%s\" is not %s", text, range);
    }
    *value = number;
    return true;
}

/* duration_parse() takes "off", which here is an option's word for zero or no word
 * at all. */
static bool
parse_scaled(const struct option *option, const struct scale *scale,
    const char *text, uint64_t *value, struct fault *fault)
{
    char range[128], zero[OR_WORD_SIZE];
    uint64_t scaled = 0;

    if (is_zero_word(option, text)) {
        *value = 0;
        return true;
    }
    if (scale == &times && number_parse(text, &scaled) && scaled > 0)
        return config_refuse(fault, "\"%s\" has no unit; write %ss for seconds, "
            "or another of ms, s, m, h, d", text, text);
    if (strcmp(text, "off") == 0 || !scale->parse(text, &scaled)) {
        if (config_number_slip(option, scale == &times, text, fault))
            return false;
        return config_refuse(fault, "\"%s\" is not a %s; write %s%s", text,
            scale->noun, scale->expects, or_word(option, zero));
    }
    if (!is_within(option, scaled)) {
        describe_range(option, scale, "", range, sizeof(range));
        return config_refuse(fault, "\"%s\" is out of range; write %s", text,
            range);
    }
    *value = scaled;
    return true;
}

bool
config_number_parse_time(const struct option *option, const char *text,
    uint64_t *ms, struct fault *fault)
{
    return parse_scaled(option, &times, text, ms, fault);
}

bool
config_number_parse_size(const struct option *option, const char *text,
    uint64_t *bytes, struct fault *fault)
{
    return parse_scaled(option, &sizes, text, bytes, fault);
}

static char *
zero_or(const struct option *option, uint64_t value, const char *text)
{
    return strdup(value == 0 && option->zero != NULL ? option->zero : text);
}

char *
config_number_format(const struct option *option, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, value);
    return zero_or(option, value, text);
}

static char *
format_scaled(
    const struct option *option, const struct scale *scale, uint64_t value)
{
    char text[SCALED_SIZE];

    return zero_or(option, value, scale->format(value, text));
}

char *
config_number_format_time(const struct option *option, uint64_t ms)
{
    return format_scaled(option, &times, ms);
}

char *
config_number_format_size(const struct option *option, uint64_t bytes)
{
    return format_scaled(option, &sizes, bytes);
}
