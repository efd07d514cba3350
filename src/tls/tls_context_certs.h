/*
 * A leg's own certificates: chains and their private keys.
 */
#ifndef TLS_TLS_CONTEXT_CERTS_H
#define TLS_TLS_CONTEXT_CERTS_H

struct tls_load;

/* Loads each certificate of the leg with its key and its own chain.  Faults
 * are added to the errors, certificates out of date are logged. */
void tls_context_certs_load(const struct tls_load *load);

#endif
