/* Names and times in what `status` prints, the same in both forms. */
#ifndef ADMIN_STATUS_WORDS_H
#define ADMIN_STATUS_WORDS_H

#include <stdint.h>

#include "base/base.h"
#include "base/scoreboard.h"

enum { STATUS_NAME_SIZE = 4 * 64 + 1, STATUS_TIME_SIZE = 32 };

/* A service's name, escaped; "(all)" for SCOREBOARD_ALL.  Returns `text`. */
const char *status_name(const struct scoreboard *board, unsigned service,
    char text[STATUS_NAME_SIZE]);

/* "2026-01-02T03:04:05Z".  Returns `text`. */
const char *status_time(uint64_t seconds, char text[STATUS_TIME_SIZE]);

/* "3d 4h", "4h 5m", "5m 6s", "6s".  Returns `text`. */
const char *status_span(uint64_t ms, char text[STATUS_TIME_SIZE]);

#endif
