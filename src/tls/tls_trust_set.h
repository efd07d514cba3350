/*
 * One set of trust: the CA certificates and CRLs of a leg's `ca` and `crl`, as
 * all legs that name the same share it (tls_shared.h).
 *
 * Everything is read here and now, directories too: no process but the master
 * may open a file, and it keeps what is asked for (files/files.h).
 */
#ifndef TLS_TLS_TRUST_SET_H
#define TLS_TLS_TRUST_SET_H

#include <stdbool.h>

#include "base/base.h"
#include "tls/tls_trust_read.h"

struct tls_trust_loading;

/* The leg's set, with a reference that goes back by tls_shared_put(&item).
 * NULL: out of memory. */
NODISCARD struct tls_trust_set *tls_trust_set_get(const struct tls_load *load);

/* Begins to load the leg's set ahead, in steps, for tls_trust_set_get() to find
 * it; what the leg refers to has to stay.  NULL: there is nothing to load, or no
 * memory for it. */
NODISCARD struct tls_trust_loading *tls_trust_set_begin(
    const struct tls_load *load);

/* Reads about one certificate or CRL.  False: no step is left. */
NODISCARD bool tls_trust_set_step(struct tls_trust_loading *loading);

/* Takes `loading`, of which no step is left.  The set, as of
 * tls_trust_set_get(). */
NODISCARD struct tls_trust_set *tls_trust_set_finish(
    struct tls_trust_loading *loading);

/* Takes `loading`, at any time, or NULL. */
void tls_trust_set_abandon(struct tls_trust_loading *loading);

#endif
