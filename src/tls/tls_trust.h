/*
 * What a leg trusts: CA certificates and revocation lists (tls_trust_set.h).
 */
#ifndef TLS_TLS_TRUST_H
#define TLS_TLS_TRUST_H

struct tls_load;

/*
 * Loads the leg's `ca` and `crl` and has every peer verified as the leg says.
 * Faults are added to the errors; a verification that is off is logged.
 *
 * What `ca` names is trusted; where a chain may end, tls_anchors.h tells.
 *
 * With a `crl` every certificate of a chain but the trust anchor must have a
 * list by its issuer that is in date, or the peer is refused.
 *
 * X509_V_FLAG_X509_STRICT stays off: it refuses private CAs for lacking a key
 * usage extension, which everyday commands leave out.
 */
void tls_trust_load(const struct tls_load *load);

#endif
