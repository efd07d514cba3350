/*
 * Whether a keeper looks for the next request without sleeping: to be woken costs
 * more than a signature where a core has to be interrupted for it.
 *
 * It looks for a few microseconds only, and only while that pays: after looks that
 * found nothing it sleeps at once, and tries again after many requests.
 */
#ifndef ROLES_KEEPER_SPIN_H
#define ROLES_KEEPER_SPIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

/* Zero-initialise. */
struct keeper_spin {
    uint64_t busy_ns; /* when the last request was answered */
    unsigned credit;  /* looks that may fail before it gives up */
    unsigned slept;   /* requests since it did */
    bool looking;
};

enum {
    KEEPER_SPIN_NS = 30000,
    KEEPER_SPIN_CREDIT_MAX = 4,
    KEEPER_SPIN_RETRY = 64, /* requests */
};

/* Requests were answered now. */
void keeper_spin_note(struct keeper_spin *spin, uint64_t now_ns);

/* True: look again; false: sleep. */
bool keeper_spin_goes_on(struct keeper_spin *spin, uint64_t now_ns);

#endif
