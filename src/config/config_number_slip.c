#include "config/config_number_slip.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/number.h"
#include "config/config_fault.h"
#include "config/config_options.h"

enum { DIGITS_MAX = 9 };

/* What stands for "no limit". */
static const char *const none_words[] = {
    "none", "never", "no", "off", "false", "disable", "disabled", "unlimited",
    "infinite", "infinity", "-1",
};

/* `scale`: so many of `ours`. */
struct unit_word {
    const char *word;
    const char *ours;
    unsigned scale;
};

static const struct unit_word time_words[] = {
    { "ms", "ms", 1 }, { "msec", "ms", 1 }, { "msecs", "ms", 1 },
    { "millisecond", "ms", 1 }, { "milliseconds", "ms", 1 },
    { "s", "s", 1 }, { "sec", "s", 1 }, { "secs", "s", 1 },
    { "second", "s", 1 }, { "seconds", "s", 1 },
    { "m", "m", 1 }, { "min", "m", 1 }, { "mins", "m", 1 },
    { "minute", "m", 1 }, { "minutes", "m", 1 },
    { "h", "h", 1 }, { "hr", "h", 1 }, { "hrs", "h", 1 }, { "hour", "h", 1 },
    { "hours", "h", 1 },
    { "d", "d", 1 }, { "day", "d", 1 }, { "days", "d", 1 },
    { "w", "d", 7 }, { "week", "d", 7 }, { "weeks", "d", 7 },
    { NULL, NULL, 0 },
};

static const struct unit_word size_words[] = {
    { "b", "", 1 }, { "byte", "", 1 }, { "bytes", "", 1 },
    { "k", "k", 1 }, { "kb", "k", 1 }, { "kib", "k", 1 },
    { "m", "m", 1 }, { "mb", "m", 1 }, { "mib", "m", 1 },
    { "g", "g", 1 }, { "gb", "g", 1 }, { "gib", "g", 1 },
    { NULL, NULL, 0 },
};

static bool
slip_of_none(const struct option *option, const char *text,
    struct fault *fault)
{
    for (size_t i = 0; option->zero != NULL && i < COUNT(none_words); i++)
        if (strcasecmp(text, none_words[i]) == 0) {
            config_fault_set(fault, "\"%s\" is not known here; write %s", text,
                option->zero);
            return true;
        }
    return false;
}

/* In whatever case, and with or without a blank before it. */
static bool
slip_of_unit(
    const struct unit_word *words, const char *text, struct fault *fault)
{
    size_t digits = strspn(text, "0123456789");
    const char *unit = text + digits + strspn(text + digits, " ");
    char number[DIGITS_MAX + 1];
    uint64_t value;

    if (digits == 0 || digits > DIGITS_MAX)
        return false;
    snprintf(number, sizeof(number), "%.*s", (int)digits, text);
    if (!number_parse(number, &value))
        return false;
    for (; words->word != NULL; words++)
        if (strcasecmp(unit, words->word) == 0) {
            config_fault_set(fault, "\"%s\": write %" PRIu64 "%s", text,
                value * words->scale, words->ours);
            return true;
        }
    return false;
}

bool
config_number_slip(const struct option *option, bool of_time,
    const char *text, struct fault *fault)
{
    return slip_of_none(option, text, fault) ||
        slip_of_unit(of_time ? time_words : size_words, text, fault);
}
