/*
 * What a leg asks of a peer beside a chain that verifies: a key that is pinned, and
 * a line of `allow` that is true of the certificate.
 */
#ifndef TLS_TLS_ADMISSION_H
#define TLS_TLS_ADMISSION_H

#include <openssl/types.h>

#include <stdbool.h>

#include "config/config_fields.h"

struct tls_load;

/* Belongs to the SSL_CTX. */
struct tls_admission {
    struct allow_rules rules; /* none: every verified peer may */
    struct strings pins;      /* none: any key will do */
    bool keys_alone;          /* no chain is verified, and no name */
};

/* Whether a peer of the leg needs more than a chain that verifies. */
bool tls_admission_has_rules(const struct leg_config *leg);

/* Gives load->ctx what the leg's options say; nothing if that is nothing.  Faults
 * are added to the errors. */
void tls_admission_load(const struct tls_load *load);

/* NULL: the leg asks for nothing more. */
const struct tls_admission *tls_admission_of(const SSL *ssl);

#endif
