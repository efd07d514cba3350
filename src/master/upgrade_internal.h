/*
 * The inside of upgrades, for the files that make them up, from high to low:
 * upgrade.c (starting the successor), upgrade_inherit.c (taking over from the
 * predecessor), upgrade_predecessor.c (the predecessor, while it finishes) and
 * upgrade_kin.c (its processes).
 */
#ifndef MASTER_UPGRADE_INTERNAL_H
#define MASTER_UPGRADE_INTERNAL_H

#include "master/upgrade.h"

struct event_base;

#define UPGRADE_ENVIRONMENT "SALLYPORT_UPGRADE"

/* In the place of a listening socket's address. */
#define UPGRADE_CONTROL_KEY "control"

struct event_base *upgrade_base(const struct upgrade *upgrade);

/* The predecessor has ended, or is not waited for. */
void upgrade_forget_predecessor(struct upgrade *upgrade);

/* Names every process of this master, and of its predecessors, to the
 * successor. */
void upgrade_send_kin(const struct upgrade *upgrade);

void upgrade_take_kin(
    struct upgrade *upgrade, const struct message_kin *one);

#endif
