/* Names and times in what `status` prints, the same in both forms. */
#ifndef OBSERVE_STATUS_WORDS_H
#define OBSERVE_STATUS_WORDS_H

#include <stdint.h>

#include "base/base.h"
#include "base/board.h"

enum { STATUS_NAME_SIZE = 4 * 64 + 1, STATUS_TIME_SIZE = 32 };

/* A service's name, escaped; "(all)" for BOARD_ALL.  Returns `text`. */
const char *status_name(const struct board *board, unsigned service,
    char text[STATUS_NAME_SIZE]);

/* "2026-01-02T03:04:05Z".  Returns `text`. */
const char *status_time(uint64_t seconds, char text[STATUS_TIME_SIZE]);

/* "3d 4h", "4h 5m", "5m 6s", "6s".  Returns `text`. */
const char *status_span(uint64_t ms, char text[STATUS_TIME_SIZE]);

/* "up_bytes" and so on. */
const char *status_counter_name(enum board_counter counter);

#endif
