/*
 * What TLS on a stream is made of, and how it fails; for the files that make it
 * up, tls_handshake.c and tls_stream.c.
 */
#ifndef TLS_TLS_STATE_H
#define TLS_TLS_STATE_H

#include <openssl/types.h>

#include <stdbool.h>

#include "net/stream.h"
#include "tls/tls_bio.h"
#include "tls/tls_cause.h"
#include "tls/tls_hello.h"

struct tls_job;
struct tls_session_cache;

#define TLS_STATE_REFUSED "asked to renegotiate, which is refused"

struct tls_state {
    SSL *ssl;
    struct tls_job *job;       /* until no signature can be needed any more */
    struct tls_session_cache *resume; /* connect leg; may be NULL */
    struct tls_input input;
    struct tls_hello hello; /* listen leg, until the handshake is done */
    char *failure;
    enum tls_cause cause; /* of the failure, once there is one */
    unsigned messages;      /* since the handshake, beyond records with data */
    enum stream_status end; /* how reading ended; STREAM_OK: it has not */
    bool starved;           /* the last read ended for want of a whole record */
    bool established;       /* the handshake is done */
    bool broken;            /* OpenSSL will not go on: SSL_get_error(3) */
    bool ticket_due;        /* to be sent with the first data */
    bool ticket_came;       /* in this read */
    bool renegotiated;      /* the peer asked to; it is refused */
    bool wants_cert;        /* the server asked for one in the handshake */
};

/* Whether OpenSSL waits for a signature. */
bool tls_state_is_held(const struct tls_state *tls);

/* A handshake that waits for a signature is made to fail. */
void tls_state_drop_job(struct tls_state *tls);

/* Frees what it holds as well. */
void tls_state_free(struct tls_state *tls);

/* Keeps the first cause and text that it is given, as what tls_stream_failure()
 * and tls_stream_cause() say. */
void tls_state_keep_failure(
    struct tls_state *tls, enum tls_cause cause, const char *text);

/* The same, with the text behind what the peer asked for in vain. */
void tls_state_keep_end(
    struct tls_state *tls, enum tls_cause cause, const char *text);

/* OpenSSL failed: by the peer's fault or by ours, the connection is over.
 * Returns STREAM_FAILED. */
enum stream_status tls_state_fail(struct tls_state *tls);

/* OpenSSL wants to read, and this is what the socket says to that. */
enum stream_status tls_state_judge_socket(
    const struct stream *stream, struct tls_state *tls);

#endif
