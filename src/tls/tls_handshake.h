/*
 * The handshake of TLS on a stream, from its first byte until data may be sent,
 * and the messages of it that come later.
 */
#ifndef TLS_TLS_HANDSHAKE_H
#define TLS_TLS_HANDSHAKE_H

#include <stdbool.h>

#include "base/base.h"
#include "net/stream.h"

struct tls_context;
struct tls_session_cache;
struct tls_state;

/* What a connection on a connect leg says and expects. */
struct tls_peer {
    const char *name; /* to verify; NULL: verification is off */
    const char *sni;  /* server_name to send (RFC 6066); NULL: none */
    struct tls_session_cache *resume; /* NULL: do not resume; outlives the stream */
    const char *alpn; /* the one protocol to offer, "": none; NULL: those of the leg */
};

/* For tls_stream_start(): sets up `tls`, which has its SSL object and its BIO.
 * False: out of memory, or a name that TLS cannot carry. */
NODISCARD bool tls_handshake_begin(struct tls_state *tls,
    const struct tls_context *context, const struct tls_peer *peer);

/* Goes on with the handshake of a stream that has TLS.  STREAM_OK: done;
 * STREAM_AGAIN: the peer's turn, or tls_stream_is_held(); STREAM_END: the peer
 * closed before it said a byte; else it failed and tls_stream_failure() says why;
 * an alert for the peer may be pending.  Output may be pending in any case. */
NODISCARD enum stream_status tls_handshake_run(struct stream *stream);

#endif
