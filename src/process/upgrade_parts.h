/*
 * The inside of upgrades, for the files that make them up: upgrade.c (starting
 * the next one), upgrade_inherit.c (taking over from the one before) and
 * upgrade_elder.c (that one, while it finishes).
 */
#ifndef PROCESS_UPGRADE_PARTS_H
#define PROCESS_UPGRADE_PARTS_H

#include "process/upgrade.h"

#define UPGRADE_ENVIRONMENT "SALLYPORT_UPGRADE"

/* In the place of a listening socket's address. */
#define UPGRADE_CONTROL_KEY "control"

/* It has ended, or is not waited for. */
void upgrade_forget_elder(struct upgrade *upgrade);

#endif
