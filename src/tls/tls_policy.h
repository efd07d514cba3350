/*
 * The name of a leg's policy: a digest of all that decides which peers pass and
 * how.  Sessions bear it, so that none is resumed under another policy.
 */
#ifndef TLS_TLS_POLICY_H
#define TLS_TLS_POLICY_H

struct tls_load;

/* Adds to load->policy, behind the certificates and CRLs that are in it, the
 * service's name, the effective text of every TLS option of the leg, and what
 * the library made of them: its defaults, and the system's openssl.cnf, change
 * without a change of the configuration.  A failure is added to the errors. */
void tls_policy_digest(const struct tls_load *load);

/* The effective text of the options alone. */
void tls_policy_digest_options(const struct tls_load *load);

#endif
