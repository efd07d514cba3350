#include "tls/tls_signer.h"

#include <string.h>

bool
tls_sign_is_sound(enum tls_sign_scheme scheme, enum tls_sign_digest digest,
    size_t length)
{
    static const size_t lengths[TLS_DIGEST_COUNT] = {
        [TLS_DIGEST_SHA1] = 20, [TLS_DIGEST_SHA224] = 28,
        [TLS_DIGEST_SHA256] = 32, [TLS_DIGEST_SHA384] = 48,
        [TLS_DIGEST_SHA512] = 64,
    };

    if ((unsigned)scheme >= TLS_SIGN_SCHEME_COUNT ||
        (unsigned)digest >= TLS_DIGEST_COUNT)
        return false;
    if ((scheme == TLS_SIGN_EDDSA) != (digest == TLS_DIGEST_NONE))
        return false;
    if (digest == TLS_DIGEST_NONE)
        return length > 0 && length <= TLS_SIGN_BYTES_MAX;
    return length == lengths[digest];
}

void
tls_signing_answer(struct tls_signing *signing,
    const unsigned char *signature, size_t length)
{
    if (length > sizeof(signing->signature))
        length = 0;
    if (length > 0)
        memcpy(signing->signature, signature, length);
    signing->length = length;
    signing->done(signing);
}
