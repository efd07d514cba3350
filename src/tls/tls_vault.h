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
struct service_config;
struct tls_shared;
struct tls_vault;

/* True if a TLS leg of the configuration names a certificate. */
bool tls_vault_is_needed(const struct config *config);

/* Without a key.  NULL: out of memory, as `error` says. */
NODISCARD struct tls_vault *tls_vault_begin(struct error *error);

/* Loads the private key of every certificate that a TLS leg of the service names,
 * and tries each with a signature that its certificate verifies.  What another
 * vault has found in `shared`, which may be NULL, is not read nor tried again.
 * Every fault is added to `error`. */
void tls_vault_load(struct tls_vault *vault,
    const struct service_config *service, struct tls_shared *shared,
    struct error *error);

/* The same for all services.  NULL: every fault is in `error`. */
NODISCARD struct tls_vault *tls_vault_new(const struct config *config,
    struct tls_shared *shared, struct error *error);

/* Whether a keeper could load all of it, once the contexts have been made, which
 * have warned of what there is to warn of; true if there is to be none. */
NODISCARD bool tls_vault_would_load(const struct config *config,
    struct tls_shared *shared, struct error *error);

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
