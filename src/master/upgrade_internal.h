/*
 * The inside of upgrades, for the files that make them up: upgrade.c (starting
 * the next one), upgrade_inherit.c (taking over from the one before),
 * upgrade_predecessor.c (that one, while it finishes) and upgrade_kin.c (its
 * processes).
 */
#ifndef MASTER_UPGRADE_INTERNAL_H
#define MASTER_UPGRADE_INTERNAL_H

#include "master/upgrade.h"

#define UPGRADE_ENVIRONMENT "SALLYPORT_UPGRADE"

/* In the place of a listening socket's address. */
#define UPGRADE_CONTROL_KEY "control"

/* It has ended, or is not waited for. */
void upgrade_forget_elder(struct upgrade *upgrade);

/* Names every process of this master, and of those before it, to the next one. */
void upgrade_send_kin(struct master *master);

void upgrade_take_kin(
    struct upgrade *upgrade, const struct message_kin *one);

#endif
