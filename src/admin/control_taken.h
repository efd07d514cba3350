/*
 * A daemon that answers at a control socket already.
 */
#ifndef ADMIN_CONTROL_TAKEN_H
#define ADMIN_CONTROL_TAKEN_H

#include <stdbool.h>

#include "base/base.h"

struct error;

/* Whether a server listens at the path: which one it is, and how it is asked, is added
 * to `error`.  False as well if this process may not tell. */
NODISCARD bool control_is_taken(const char *path, struct error *error);

#endif
