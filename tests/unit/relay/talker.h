/*
 * A peer that talks, plain or TLS, in pieces of any size: what it does next is
 * random (srandom(3)), but in the end it has said and heard everything, or has
 * ended in another way, as it was told to.
 */
#ifndef TESTS_RELAY_TALKER_H
#define TESTS_RELAY_TALKER_H

#include <openssl/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How it ends.  A plain one knows a FIN and a reset only. */
enum talker_end {
    TALKER_NOTIFIES,  /* close_notify, and no FIN */
    TALKER_CLOSES,    /* close_notify and FIN */
    TALKER_TRUNCATES, /* FIN alone */
    TALKER_RESETS,
};

struct talker {
    int fd;        /* -1: not there yet, or not any more */
    SSL *ssl;      /* NULL: plain.  Its bytes pass through memory */
    uint64_t bulk; /* how much it has to say before it ends */
    size_t piece;  /* the most that it says at once */
    enum talker_end how;
    int acts_left; /* it ends then at once; 0: when it has said all */
    uint64_t written, received;
    bool finished; /* has said its end */
    bool ended;    /* has heard the other's */
    bool gone;     /* has been reset or cut off, and has closed */
    bool shut;     /* has sent a FIN */
    bool broken;   /* could not send any more */
};

/* Takes neither; `ctx` NULL: plain, else its method says which role.  A talker
 * that has a descriptor of -1 is given one later. */
void talker_start(struct talker *talker, int fd, uint64_t bulk, SSL_CTX *ctx,
    int version);
void talker_free(struct talker *talker);

/* Does one thing, or nothing. */
void talker_act(struct talker *talker);

/* Does all that can be done now, with nothing left to chance. */
void talker_work(struct talker *talker);

/* Takes at most `most` bytes off the socket and checks what they are. */
void talker_hear(struct talker *talker, size_t most);

/* TLS: sends at most `most` bytes of what waits to be sent. */
void talker_send(struct talker *talker, size_t most);

/* True if it knows that the other says no more. */
bool talker_is_told(const struct talker *talker);

#endif
