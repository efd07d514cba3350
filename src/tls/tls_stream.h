/*
 * TLS on a stream: the records of RFC 8446 and RFC 5246 by way of OpenSSL.
 *
 * The BIO beneath never blocks on writing: records are collected in the loop's
 * scratch memory, so that one send carries many, and what the kernel does not
 * take waits in the stream's `pending`.  So nothing here ever wants to write
 * before it can read.
 */
#ifndef TLS_TLS_STREAM_H
#define TLS_TLS_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "net/stream.h"
#include "tls/tls_cause.h"
#include "tls/tls_verify.h"

struct tls_context;
struct tls_identity;
struct tls_peer;

/* What is worth knowing of a handshake.  The text lives as long as the stream;
 * NULL where there is none, and some of it is the peer's own. */
struct tls_facts {
    const char *version;
    const char *cipher;
    const char *sni;
    char alpn[256];
    bool resumed;
    bool lacks_cert; /* the server asked for a certificate and was shown none */
};

/* Puts TLS on a plain stream, whose handshake comes first (tls_handshake.h);
 * `peer` is for a connect leg, else NULL.  False: out of memory, or a name that
 * TLS cannot carry; the stream stays plain. */
NODISCARD bool tls_stream_start(struct stream *stream,
    const struct tls_context *context, const struct tls_peer *peer);

/* True if the handshake, or a read in which the server asks for a certificate,
 * waits for a signature (tls_signer.h), not for the peer: its input is left
 * unread, and the stream's `ready` is called when it can go on, with no event or,
 * for a read, EV_READ. */
bool tls_stream_is_held(const struct stream *stream);

bool tls_stream_is_tls(const struct stream *stream);

/* True if the input so far ends within a record. */
bool tls_stream_is_within_record(const struct stream *stream);

/* False: not TLS, or not a byte has come from the peer. */
bool tls_stream_has_begun(const struct stream *stream);

/* Why the handshake or a read failed, in words; NULL when nothing did. */
const char *tls_stream_failure(const struct stream *stream);

/* The same, as a word of a closed list; TLS_CAUSE_NONE when nothing did. */
enum tls_cause tls_stream_cause(const struct stream *stream);

/* What the peer asked for in vain, in words; NULL: nothing. */
const char *tls_stream_refusal(const struct stream *stream);

/* False: not TLS, or the handshake is not done. */
bool tls_stream_facts(const struct stream *stream, struct tls_facts *facts);

/* Whose certificate the peer showed, in the handshake that a resumed session
 * began with if this is one.  The texts are made when asked for, since the session
 * has the certificate.  `*verified`: what of it was checked.  False: the peer
 * showed none, or there is no TLS, or the handshake is not done. */
bool tls_stream_peer(const struct stream *stream, struct tls_identity *identity,
    enum tls_verified *verified);

/* The line of `allow` that let the peer in, as it is written, in the handshake that
 * a resumed session began with if this is one.  NULL: there was no need of one, or
 * as for tls_stream_peer().  Lives as long as the stream. */
const char *tls_stream_rule(const struct stream *stream);

#endif
