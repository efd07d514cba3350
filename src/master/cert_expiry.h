/*
 * Announces the ends of certificates while they are served: 14, 7 and 1 days
 * before, and when they have run out; and new ones as what they are.
 */
#ifndef MASTER_CERT_EXPIRY_H
#define MASTER_CERT_EXPIRY_H

#include <stddef.h>

#include "base/base.h"
#include "master/cert_records.h"
#include "net/timer.h"

struct cert_expiry {
    struct cert_records served;
    struct timer timer; /* to the next announcement */
    bool started;       /* certificates have been taken before */
};

/* False: out of memory. */
NODISCARD bool cert_expiry_open(
    struct cert_expiry *expiry, struct event_base *base);
void cert_expiry_close(struct cert_expiry *expiry);

/* Takes the records of the generation that is in force now, and empties
 * `records`.  Logs each certificate that was not served before, but not at the
 * start; what ends soon already has been warned of when it was loaded. */
void cert_expiry_take(
    struct cert_expiry *expiry, struct cert_records *records);

/* Certificates that end soon or have ended, the first to end first: "web CN=a in 3
 * days (2027-02-27), db CN=app has run out (2027-02-20)".  "": there are none; ends
 * with ", ..." if not all fit. */
void cert_expiry_describe(
    const struct cert_expiry *expiry, char *text, size_t size);

#endif
