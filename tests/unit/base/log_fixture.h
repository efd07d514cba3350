/* For tests of the log: its targets, and a standard error of their own. */
#ifndef BASE_LOG_FIXTURE_H
#define BASE_LOG_FIXTURE_H

#include "base/log.h"

/* Puts standard error aside, so that a test may replace it; undone by
 * log_fixture_tear_down(), which closes the log and removes its files. */
void log_fixture_set_up(void);
void log_fixture_tear_down(void);

/* Opens the log, as text at level "info". */
void log_fixture_open(enum log_target target, const char *path);

#endif
