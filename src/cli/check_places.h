/*
 * Whether a start could make what it makes by name: the log file, and unix sockets to
 * listen on.
 */
#ifndef CLI_CHECK_PLACES_H
#define CLI_CHECK_PLACES_H

#include "base/base.h"

struct config;
struct error;
struct unit_user;

/* Asks as this process's user.  Directories that `unit` makes when it starts are
 * taken to be there, and a socket that the daemon could not make is only warned of
 * where a unit is known: a socket unit may pass it. */
void check_places(const struct config *config, const struct unit_user *unit,
    struct error *error);

#endif
