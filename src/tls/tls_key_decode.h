/*
 * Decodes private keys whose kind is known from their certificates.
 *
 * OpenSSL 3 gathers the decoders for a kind of key each time that it decodes
 * one, which takes four times as long as the decoding.  Here they are gathered
 * once for each kind and process.
 */
#ifndef TLS_TLS_KEY_DECODE_H
#define TLS_TLS_KEY_DECODE_H

#include <openssl/types.h>

#include <stddef.h>

#include "base/base.h"

/* Decodes a PKCS #8 key that is not encrypted (PrivateKeyInfo of RFC 5208), of
 * the kind of `like`.  NULL: the bytes are no such key, or the kind is none of
 * tls_remote_key.h; OpenSSL's error queue may say why. */
NODISCARD EVP_PKEY *tls_key_decode(
    const EVP_PKEY *like, const unsigned char *der, size_t length);

#endif
