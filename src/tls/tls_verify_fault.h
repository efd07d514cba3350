/*
 * What was wrong with a peer's certificate, in words.
 */
#ifndef TLS_TLS_VERIFY_FAULT_H
#define TLS_TLS_VERIFY_FAULT_H

#include <openssl/types.h>

enum { TLS_VERIFY_FAULT_SIZE = 1152 };

/* From within a verification that has failed: which check, for which certificate,
 * e.g. `certificate has expired (CN=old.example, depth 0, expired 2024-01-01)`.
 * Names from the certificate are escaped. */
void tls_verify_fault_explain(
    X509_STORE_CTX *store, char text[TLS_VERIFY_FAULT_SIZE]);

#endif
