#include "admin/status_words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/escape.h"

const char *
status_name(const struct scoreboard *board, unsigned service,
    char text[STATUS_NAME_SIZE])
{
    const char *name = service == SCOREBOARD_ALL
        ? "(all)"
        : scoreboard_service_name(board, service);

    escape_bytes(text, STATUS_NAME_SIZE, name, strlen(name), ESCAPE_VALUE);
    return text;
}

const char *
status_time(uint64_t seconds, char text[STATUS_TIME_SIZE])
{
    time_t when = (time_t)seconds;
    struct tm utc;

    if (gmtime_r(&when, &utc) == NULL ||
        strftime(text, STATUS_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        snprintf(text, STATUS_TIME_SIZE, "%" PRIu64, seconds);
    return text;
}

const char *
status_span(uint64_t ms, char text[STATUS_TIME_SIZE])
{
    uint64_t s = ms / 1000, m = s / 60, h = m / 60, d = h / 24;

    if (d > 0)
        snprintf(text, STATUS_TIME_SIZE, "%" PRIu64 "d %" PRIu64 "h", d,
            h % 24);
    else if (h > 0)
        snprintf(text, STATUS_TIME_SIZE, "%" PRIu64 "h %" PRIu64 "m", h,
            m % 60);
    else if (m > 0)
        snprintf(text, STATUS_TIME_SIZE, "%" PRIu64 "m %" PRIu64 "s", m,
            s % 60);
    else
        snprintf(text, STATUS_TIME_SIZE, "%" PRIu64 "s", s);
    return text;
}
