#include "tls/tls_peer_cert.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "net/stream.h"
#include "tls/tls_state.h"
#include "tls/tls_stream.h"

bool
tls_peer_cert_read(const struct stream *stream, struct tls_peer_cert *cert)
{
    const struct tls_state *tls = stream->state;
    const X509 *leaf;

    if (!tls_stream_is_tls(stream) || !tls->established)
        return false;
    leaf = SSL_get0_peer_certificate(tls->ssl);
    if (leaf == NULL)
        return false;
    tls_certificate_subject(leaf, cert->subject);
    cert->until = tls_certificate_time(X509_get0_notAfter(leaf));
    cert->verified = SSL_get_verify_mode(tls->ssl) != SSL_VERIFY_NONE;
    return true;
}
