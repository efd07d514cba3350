#include "tls/tls_alert.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <stddef.h>

static const struct tls_alert alerts[] = {
    { 10, "unexpected_message", "got a message that it did not expect" },
    { 20, "bad_record_mac", "could not decrypt what it got" },
    { 21, "decryption_failed", "could not decrypt what it got" },
    { 22, "record_overflow", "got a record that is too long" },
    { 30, "decompression_failure", "could not decompress what it got" },
    { 40, "handshake_failure", "accepts none of what it was offered" },
    { 41, "no_certificate", "has no certificate" },
    { 42, "bad_certificate", "refuses our certificate" },
    { 43, "unsupported_certificate", "cannot use our certificate's type" },
    { 44, "certificate_revoked", "holds our certificate revoked" },
    { 45, "certificate_expired", "holds our certificate expired" },
    { 46, "certificate_unknown", "does not accept our certificate" },
    { 47, "illegal_parameter", "got a value that is not allowed" },
    { 48, "unknown_ca", "does not trust our certificate: it knows no CA that "
        "vouches for it" },
    { 49, "access_denied", "accepts our certificate, and denies access" },
    { 50, "decode_error", "could not parse what it got" },
    { 51, "decrypt_error", "could not verify a signature or decrypt a key" },
    { 60, "export_restriction", "may not use what was negotiated" },
    { 70, "protocol_version", "supports no version of TLS that is enabled "
        "here" },
    { 71, "insufficient_security", "wants stronger ciphers or keys" },
    { 80, "internal_error", "met with an error of its own" },
    { 86, "inappropriate_fallback", "supports a later version of TLS" },
    { 90, "user_canceled", "gave up the handshake" },
    { 100, "no_renegotiation", "does not renegotiate" },
    { 109, "missing_extension", "misses an extension" },
    { 110, "unsupported_extension", "got an extension that it did not ask "
        "for" },
    { 111, "certificate_unobtainable", "could not get our certificate" },
    { 112, "unrecognized_name", "has no certificate for the name that was "
        "asked for" },
    { 113, "bad_certificate_status_response", "refuses the OCSP response" },
    { 114, "bad_certificate_hash_value", "refuses our certificate's hash" },
    { 115, "unknown_psk_identity", "does not know the identity of the "
        "pre-shared key" },
    { 116, "certificate_required", "wants a client certificate" },
    { 120, "no_application_protocol", "speaks no protocol that was offered "
        "by ALPN" },
    { 121, "ech_required", "wants Encrypted Client Hello" },
};

const struct tls_alert *
tls_alert_of_error(unsigned long code)
{
    int number = ERR_GET_REASON(code) - SSL_AD_REASON_OFFSET;
    size_t i;

    if (ERR_GET_LIB(code) != ERR_LIB_SSL)
        return NULL;
    for (i = 0; i < sizeof(alerts) / sizeof(alerts[0]); i++)
        if (alerts[i].number == number)
            return &alerts[i];
    return NULL;
}
