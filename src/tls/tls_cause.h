/*
 * Why TLS with a peer failed, as a word of a closed list: for counters and for
 * programs that read the log.  tls_failure.h has the sentence beside it.
 */
#ifndef TLS_TLS_CAUSE_H
#define TLS_TLS_CAUSE_H

/* But for the first one in the order of the values of the metric
 * HANDSHAKE_CAUSES. */
enum tls_cause {
    TLS_CAUSE_NONE,
    TLS_CAUSE_CLOSED_BEFORE_HELLO, /* most often a port scan or a health check */
    TLS_CAUSE_CLOSED,              /* or reset, within the handshake */
    TLS_CAUSE_TIMEOUT,
    TLS_CAUSE_NOT_TLS,
    TLS_CAUSE_PROTOCOL_VERSION,
    TLS_CAUSE_NO_SHARED_CIPHER, /* nor group, nor signature algorithm */
    TLS_CAUSE_BAD_ALPN,
    TLS_CAUSE_UNKNOWN_NAME,
    TLS_CAUSE_PROTOCOL_ERROR, /* a message that is malformed, or out of place */
    TLS_CAUSE_NO_CERTIFICATE, /* of the peer's; the further ones are about it */
    TLS_CAUSE_UNKNOWN_CA,
    TLS_CAUSE_EXPIRED,
    TLS_CAUSE_NOT_YET_VALID,
    TLS_CAUSE_REVOKED,
    TLS_CAUSE_CRL_EXPIRED,
    TLS_CAUSE_CRL_UNUSABLE, /* missing, dated ahead, or not to be believed */
    TLS_CAUSE_NAME_MISMATCH,
    TLS_CAUSE_PURPOSE,
    TLS_CAUSE_NOT_ALLOWED,
    TLS_CAUSE_BAD_CERTIFICATE,
    TLS_CAUSE_PEER_REJECTED_OURS,
    TLS_CAUSE_PEER_WANTS_CERTIFICATE,
    TLS_CAUSE_PEER_FAILED,  /* by an alert that says nothing of the above */
    TLS_CAUSE_NO_SIGNATURE, /* the process that holds the key made none */
    TLS_CAUSE_COUNT,
};

/* "unknown-ca" and so on; NULL for TLS_CAUSE_NONE. */
const char *tls_cause_name(enum tls_cause cause);

/* Of an entry of OpenSSL's error queue; TLS_CAUSE_PROTOCOL_ERROR if it is none of
 * the others.  Alerts that the peer has sent are among these entries. */
enum tls_cause tls_cause_of_error(unsigned long code);

/* Of a verification that has failed, X509_STORE_CTX_get_error(3). */
enum tls_cause tls_cause_of_verification(long result);

#endif
