/*
 * Private keys where they are held: loaded from what a configuration names,
 * found by their public halves, and used to sign.
 */
#ifndef TLS_TLS_VAULT_H
#define TLS_TLS_VAULT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "tls/tls_signer.h"

struct config;
struct error;
struct tls_vault;

/* True if a TLS leg of the configuration names a certificate. */
bool tls_vault_is_needed(const struct config *config);

/* Loads the private key of every certificate that a TLS leg names, and tries
 * each with a signature that its certificate verifies.  NULL: every fault is
 * in `error`. */
NODISCARD struct tls_vault *tls_vault_new(
    const struct config *config, struct error *error);

/* Whether a keeper could load all of it, once the contexts have been made, which
 * have warned of what there is to warn of; true if there is to be none. */
NODISCARD bool tls_vault_would_load(
    const struct config *config, struct error *error);

/* Wipes the keys. */
void tls_vault_free(struct tls_vault *vault);

/* How many different keys there are. */
size_t tls_vault_count(const struct tls_vault *vault);

/* Believes nothing of the request.  Returns the signature's length; 0: there
 * is no such key, or none that signs so. */
NODISCARD size_t tls_vault_sign(const struct tls_vault *vault,
    const struct tls_sign_request *request,
    unsigned char signature[TLS_SIGNATURE_MAX]);

#endif
