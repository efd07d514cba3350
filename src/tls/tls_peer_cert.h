/*
 * What there is to tell of the certificate that a peer has shown: what it is called,
 * and until when it holds.
 */
#ifndef TLS_TLS_PEER_CERT_H
#define TLS_TLS_PEER_CERT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "tls/tls_certificate.h"

struct stream;

struct tls_peer_cert {
    char subject[TLS_NAME_SIZE]; /* tls_certificate_subject() */
    int64_t until; /* seconds of time(2): the last of its validity */
    bool verified; /* it was checked */
};

/* After the handshake.  False: the peer showed none, or there is no TLS. */
NODISCARD bool tls_peer_cert_read(
    const struct stream *stream, struct tls_peer_cert *cert);

#endif
