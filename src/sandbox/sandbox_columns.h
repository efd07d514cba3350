/*
 * The columns of this folder's tables: one letter for each role that is confined.
 * A new role gets what ALL may do; the rest is decided row by row.
 */
#ifndef SANDBOX_SANDBOX_COLUMNS_H
#define SANDBOX_SANDBOX_COLUMNS_H

#include "ipc/role.h"

enum {
    W = ROLE_BIT(WORKER),
    K = ROLE_BIT(KEEPER),
    S = ROLE_BIT(SCOUT),
    A = ROLE_BIT(ADMIN),
    T = ROLE_BIT(TRIAL),
    ALL = ROLE_CHILDREN,
};

#endif
