/*
 * A peer that talks, plain or TLS, in pieces of any size: what it does next is
 * random (srandom(3)), but in the end it has said and heard everything.
 */
#ifndef TESTS_RELAY_TALKER_H
#define TESTS_RELAY_TALKER_H

#include <openssl/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct talker {
    int fd;
    SSL *ssl;      /* NULL: plain.  Its bytes pass through memory */
    uint64_t bulk; /* how much it has to say */
    uint64_t written, received;
    bool finished; /* has said its end */
    bool ended;    /* has heard the other's */
};

/* Takes neither; `ctx` NULL: plain. */
void talker_start(struct talker *talker, int fd, uint64_t bulk, SSL_CTX *ctx,
    int version);
void talker_free(struct talker *talker);

/* Does one thing, or nothing. */
void talker_act(struct talker *talker);

/* Takes at most `most` bytes off the socket and checks what they are. */
void talker_hear(struct talker *talker, size_t most);

/* TLS: sends at most `most` bytes of what waits to be sent. */
void talker_send(struct talker *talker, size_t most);

#endif
