/*
 * What OpenSSL reads from and writes to: a stream's socket, with the writes of
 * one call collected in the loop's scratch memory.
 */
#ifndef TLS_TLS_BIO_H
#define TLS_TLS_BIO_H

#include <openssl/types.h>

#include <stdbool.h>

#include "base/base.h"
#include "net/stream.h"
#include "proto/protocol.h"

struct tls_hello;

/* State of reading: a part of the tls_stream, which the BIO points to. */
struct tls_input {
    struct stream *stream;
    struct buffer left; /* read from the socket, but not by OpenSSL yet */
    size_t start, end;  /* the same, within a call, in the loop's `input` */
    size_t want;        /* how much to ask the socket for */
    struct tls_hello *hello; /* looks at what is read; NULL: nothing does */
    enum protocol protocol; /* of the first bytes */
    unsigned reads;     /* by OpenSSL, left for this call: two for a record */
    bool asked;   /* in this call the socket was read */
    bool drained; /* ... and had no more */
    bool starved; /* ... and OpenSSL has all there was, and wants more */
    bool filled;  /* the socket was read; no more before the owner clears it */
    bool began;   /* a first byte was read */
    bool ended;   /* a FIN was read; OpenSSL is not told, see tls_bio.c */
    bool took;    /* in this call the socket gave something */
    bool spoke;   /* in this call OpenSSL wrote something */
    bool refused; /* `hello` is too large; OpenSSL is given no more */
    bool severed; /* the handshake is given up: writes are dropped */
};

/* NULL: out of memory.  `input` must outlive the BIO. */
NODISCARD BIO *tls_bio_new(struct tls_input *input);

/* Takes `bytes`, which were read from the socket before there was TLS on it. */
void tls_bio_take_back(struct tls_input *input, struct buffer *bytes);

/* Before each call into OpenSSL that may read or write.  In one call it reads a
 * bounded number of records, whatever is in them. */
void tls_bio_begin(struct tls_input *input);

/* Asks the socket for records with about `size` bytes of data at once. */
void tls_bio_want(struct tls_input *input, size_t size);

/* True if reading on would find nothing: what this call was given is used up,
 * and either the socket had no more or all of it had been left over.  (Then it
 * is for the next event to say whether more has come.) */
bool tls_bio_is_dry(const struct tls_input *input);

/* Keeps what that call did not read, and sends what it wrote; returns as
 * stream_send() does. */
enum stream_status tls_bio_end(struct tls_input *input);

#endif
