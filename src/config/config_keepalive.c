#include "config/config_keepalive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/number.h"
#include "config/config_fault.h"
#include "config/config_fields.h"

static bool
whole_seconds(const char *text, unsigned *seconds)
{
    uint64_t ms = 0;

    if (!duration_parse(text, &ms) || ms % 1000 != 0 || ms < 1000
        || ms > SECONDS(KEEPALIVE_SECONDS_MAX))
        return false;
    *seconds = (unsigned)(ms / 1000);
    return true;
}

static bool
parse_words(char *text, struct keepalive *keepalive)
{
    char *save = NULL;
    const char *idle = strtok_r(text, " ", &save);
    const char *interval = strtok_r(NULL, " ", &save);
    const char *count = strtok_r(NULL, " ", &save);
    uint64_t number = 0;

    if (idle == NULL || interval == NULL || count == NULL
        || strtok_r(NULL, " ", &save) != NULL)
        return false;
    if (!whole_seconds(idle, &keepalive->idle_s)
        || !whole_seconds(interval, &keepalive->interval_s)
        || !number_parse(count, &number) || number < 1
        || number > KEEPALIVE_COUNT_MAX)
        return false;
    keepalive->count = (unsigned)number;
    keepalive->on = true;
    return true;
}

bool
config_keepalive_parse(struct keepalive *keepalive, const char *text,
    struct fault *fault)
{
    struct keepalive parsed = { 0 };
    bool good = strcmp(text, "off") == 0;
    char *copy;

    if (!good) {
        copy = strdup(text);
        if (copy == NULL)
            return config_no_memory(fault);
        good = parse_words(copy, &parsed);
        free(copy);
    }
    if (!good)
        return config_refuse(fault, "\"%s\" is not IDLE INTERVAL COUNT; "
            "write two times in whole seconds and a number up to %d, such as "
            "60s 10s 6, or off", text, KEEPALIVE_COUNT_MAX);
    *keepalive = parsed;
    return true;
}

const char *
config_keepalive_format(const struct keepalive *keepalive,
    char text[KEEPALIVE_TEXT_SIZE])
{
    char idle[DURATION_TEXT_SIZE], interval[DURATION_TEXT_SIZE];

    if (!keepalive->on)
        return strcpy(text, "off");
    snprintf(text, KEEPALIVE_TEXT_SIZE, "%s %s %u",
        duration_format(SECONDS(keepalive->idle_s), idle),
        duration_format(SECONDS(keepalive->interval_s), interval),
        keepalive->count);
    return text;
}
