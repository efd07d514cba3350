/*
 * A connection's service after a reload.
 */
#ifndef RELAY_CONN_FOLLOW_H
#define RELAY_CONN_FOLLOW_H

#include <stdbool.h>

#include "base/base.h"

struct conn;

/* Has the connection served by what is active now behind its acceptor, or bears
 * its service's name; by its own where there is neither.  False: several services
 * share its address now, and it has to be decided which of them it is for. */
NODISCARD bool conn_follow_reload(struct conn *conn);

#endif
