/*
 * Pinned keys: the digest of a certificate's SubjectPublicKeyInfo (RFC 7469 2.4).
 */
#ifndef TLS_TLS_PIN_H
#define TLS_TLS_PIN_H

#include <openssl/types.h>

#include <stdbool.h>

struct strings;

enum { TLS_PIN_SIZE = 64 };

/* "sha256/BASE64", as config_pin.h has it; "": out of memory.  Returns `text`. */
const char *tls_pin_of(const X509 *cert, char text[TLS_PIN_SIZE]);

/* Whether the certificate's key is one of them.  False also without memory. */
bool tls_pin_is_among(const struct strings *pins, const X509 *cert);

#endif
