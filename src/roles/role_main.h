/*
 * The life of every process but the master, from its program's first step to its
 * role's main function.
 */
#ifndef ROLES_ROLE_MAIN_H
#define ROLES_ROLE_MAIN_H

#include "base/base.h"

/* Takes what the master has given (role_start.h), gives up all that the role does
 * not need, and runs it.  `title` is the first word of the command line.  Returns
 * the exit code; that of wrong usage, with a message, if it was not the daemon
 * that started this process. */
int role_main(char *title);

#endif
