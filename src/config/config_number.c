#include "config/config_number.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "base/number.h"
#include "base/size.h"
#include "config/config_fault.h"
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

/* "1s to 10m, or off" */
static void
time_range(const struct option *option, char *text, size_t size,
    const char *units)
{
    char least[DURATION_TEXT_SIZE], most[DURATION_TEXT_SIZE];
    char zero[OR_WORD_SIZE];

    snprintf(text, size, "a time from %s to %s%s%s",
        duration_format(option->min, least),
        duration_format(option->max, most), units, or_word(option, zero));
}

static void
size_range(const struct option *option, char *text, size_t size,
    const char *units)
{
    char least[BYTES_TEXT_SIZE], most[BYTES_TEXT_SIZE];
    char zero[OR_WORD_SIZE];

    snprintf(text, size, "a size from %s to %s%s%s",
        bytes_format(option->min, least), bytes_format(option->max, most),
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
    time_range(option, text, size, " (ms, s, m, h, d)");
}

void
config_number_expects_size(const struct option *option, char *text,
    size_t size)
{
    size_range(option, text, size, " (k, m, g)");
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

bool
config_number_parse_time(const struct option *option, const char *text,
    uint64_t *ms, struct fault *fault)
{
    char range[128], zero[OR_WORD_SIZE];
    uint64_t span = 0;

    if (is_zero_word(option, text)) {
        *ms = 0;
        return true;
    }
    if (strcmp(text, "off") == 0 || !duration_parse(text, &span))
        return config_refuse(fault, "\"%s\" is not a time; write a number "
            "with a unit (ms, s, m, h, d), such as 30s%s", text,
            or_word(option, zero));
    if (!is_within(option, span)) {
        time_range(option, range, sizeof(range), "");
        return config_refuse(fault, "\"%s\" is out of range; write %s", text,
            range);
    }
    *ms = span;
    return true;
}

bool
config_number_parse_size(const struct option *option, const char *text,
    uint64_t *bytes, struct fault *fault)
{
    char range[128], zero[OR_WORD_SIZE];
    uint64_t size = 0;

    if (is_zero_word(option, text)) {
        *bytes = 0;
        return true;
    }
    if (!bytes_parse(text, &size))
        return config_refuse(fault, "\"%s\" is not a size; write %s%s", text,
            BYTES_EXPECTED, or_word(option, zero));
    if (!is_within(option, size)) {
        size_range(option, range, sizeof(range), "");
        return config_refuse(fault, "\"%s\" is out of range; write %s", text,
            range);
    }
    *bytes = size;
    return true;
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

char *
config_number_format_time(const struct option *option, uint64_t ms)
{
    char text[DURATION_TEXT_SIZE];

    return zero_or(option, ms, duration_format(ms, text));
}

char *
config_number_format_size(const struct option *option, uint64_t bytes)
{
    char text[BYTES_TEXT_SIZE];

    return zero_or(option, bytes, bytes_format(bytes, text));
}
