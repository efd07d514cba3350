/* Configurations from text, for tests. */
#ifndef TESTS_UNIT_CONFIG_LOADING_H
#define TESTS_UNIT_CONFIG_LOADING_H

#include <stdbool.h>

#include "base/error.h"
#include "config/config.h"

/* The file is called "t.ini" in messages. */
struct config *loading_text(const char *text, struct error *error);

/* Loads text that must be good; fails the test if it is not. */
struct config *loading_good(const char *text);

/* True if loading the text fails and some message contains `part`. */
bool loading_fails(const char *text, const char *part);

/* Loads text and gives the number of messages. */
size_t loading_count_errors(const char *text);

/* What config_dump() writes, allocated. */
char *loading_dump(const struct config *config);

#endif
