/*
 * A TLS stream and the peer it speaks to, which does exactly what a test says.
 * Nothing moves between them but by far_send() and far_receive(), as many bytes
 * at a time as the test wants.
 */
#ifndef TESTS_TLS_FAR_H
#define TESTS_TLS_FAR_H

#include <openssl/ssl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/stream.h"
#include "tls/tls_context.h"

struct far {
    struct loop *loop;
    struct stream stream;         /* what is tested */
    struct tls_context *context;  /* its own */
    SSL_CTX *ctx;                 /* the peer's */
    SSL *ssl;
    int fd;       /* the peer's socket; -1: closed */
    int tickets;  /* how many the peer was sent */
    char secret[2 * 64 + 1]; /* TLS 1.3: of what the peer sends, in hex */
};

/* One way to run a test: which role the stream has, in which version. */
struct far_case {
    enum tls_role role;
    int version; /* TLS1_2_VERSION, TLS1_3_VERSION */
};

extern const struct far_case far_cases[4];

/* Certificates, once for each test. */
void far_set_up(void);
void far_tear_down(void);

/* Makes the stream, on one end of what `make` makes (wire.h), and the peer on
 * the other.  No byte was exchanged yet. */
void far_open(
    struct far *far, const struct far_case *how, void (*make)(int fds[2]));
void far_close(struct far *far);

/* Sends at most `most` bytes of what the peer's TLS has to say; returns how
 * many there were. */
size_t far_send(struct far *far, size_t most);

/* The same, until nothing is left, with `stream` not reading. */
void far_send_all(struct far *far);

/* Hands what has come to the peer's TLS; returns how many bytes it was. */
size_t far_receive(struct far *far);

/* Shakes hands to the end. */
void far_shake(struct far *far);

/* Has the peer's TLS write `size` bytes (far_send() sends them), and read what
 * it can: the count, or -1 at any end; `code` is SSL_get_error()'s. */
void far_write(struct far *far, const void *data, size_t size);
int far_read(struct far *far, void *data, size_t size, int *code);

/* Sends bytes that are no TLS, or TLS that was made elsewhere. */
void far_send_raw(struct far *far, const void *data, size_t size);

/* Reads the stream until there is nothing now: what was read is counted, and
 * the status that ended it is returned. */
enum stream_status far_drain(
    struct far *far, uint8_t *data, size_t size, size_t *got);

#endif
