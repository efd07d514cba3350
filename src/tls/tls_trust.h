/*
 * Whom a leg trusts: CA certificates and revocation lists.
 *
 * Everything is read here and now, directories too: no process but the master
 * may open a file, and it keeps what is asked for (config/files.h).
 */
#ifndef TLS_TLS_TRUST_H
#define TLS_TLS_TRUST_H

struct tls_load;

/*
 * Loads the leg's `ca` and `crl` and has every peer verified as the leg says.
 * Faults are added to the errors; a verification that is off is logged.
 *
 * What `ca` names is trusted.  A chain ends at a self-signed root; only when
 * `ca` names an intermediate without its issuer, which could serve no purpose
 * otherwise, may it end there (X509_V_FLAG_PARTIAL_CHAIN).
 *
 * With a `crl` every certificate of a chain but the trust anchor must have a
 * list by its issuer that is in date, or the peer is refused.
 *
 * X509_V_FLAG_X509_STRICT stays off: it refuses private CAs for lacking a key
 * usage extension, which everyday commands leave out.
 */
void tls_trust_load(const struct tls_load *load);

#endif
