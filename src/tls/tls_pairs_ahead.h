/*
 * A leg's certificates, read one at a time before its context is made, which then
 * finds them among what is shared: so a process that serves clients is not held up
 * by a thousand of them at once.
 */
#ifndef TLS_TLS_PAIRS_AHEAD_H
#define TLS_TLS_PAIRS_AHEAD_H

#include <stdbool.h>

#include "base/base.h"

struct tls_load;
struct tls_pairs_ahead;

/* NULL: there is nothing to be read ahead (keys are this process's own, which may
 * need passphrases), or no memory; then all is read when the context is made.  What
 * `load` points to must outlive it. */
struct tls_pairs_ahead *tls_pairs_ahead_new(const struct tls_load *load);

/* Reads the next one.  False: there is none, as of NULL. */
bool tls_pairs_ahead_step(struct tls_pairs_ahead *ahead);

/* Lets go of what was read. */
void tls_pairs_ahead_free(struct tls_pairs_ahead *ahead);

#endif
