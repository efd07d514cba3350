/*
 * Connections through the relay, each a pair of ends that know each other.
 *
 * A client's first 64 bytes name its pair; the server answers with the same
 * 64.  When the client has read them the pair is open: what follows is the
 * mode's.
 */
#ifndef LOAD_ENDS_H
#define LOAD_ENDS_H

#include <stdio.h>

#include "link.h"

struct options;

enum { GREETING_SIZE = 64 };

enum end_state {
    END_CONNECTING,
    END_SECURING,
    END_GREETING,
    END_OPEN,
    END_CLOSING,
};

struct end {
    struct link link; /* first: a link is an end */
    enum end_state state;
    bool is_client;
    struct pair *pair;            /* a server's: NULL before the greeting */
    uint8_t buffer[GREETING_SIZE]; /* the greeting; then the mode's */
    size_t got;
};

struct pair {
    uint32_t id;
    uint32_t serial; /* how often the id was used */
    struct end *client, *server;
    bool open, closing;
    int64_t started_ns;
    uint64_t sent, received; /* the mode's */
};

/* What a mode does when something happens; NULL: nothing. */
struct mode {
    const char *name;
    bool large_reads;
    void (*start)(void);
    void (*opened)(struct pair *);   /* the client has the answer */
    void (*readable)(struct end *);  /* of open pairs only */
    void (*writable)(struct end *);
    void (*closed)(struct pair *);   /* both ends; it may be used again */
    void (*proceed)(void);           /* after phase_reached() */
    bool server_closes; /* at once; the client waits for that end */
};

/* Listens, and makes room for `options->connections` pairs. */
void ends_prepare(const struct options *options, const struct mode *mode);

/* Opens pair 0 and following, a few at a time. */
void ends_open_all(void);

/* Opens a pair that is closed. */
void pair_open(struct pair *pair);

/* A clean end, that the client begins. */
void pair_close(struct pair *pair);

struct pair *pair_number(unsigned number);

/* Reads; the end of the stream is dealt with, as is a failure.  False: there
 * is nothing now, or the end is gone. */
bool end_read(struct end *end, uint8_t *data, size_t size, size_t *got);

/* Reads GREETING_SIZE bytes into the end's buffer, as they come.  False: they are
 * not all there yet, or the end is gone. */
bool end_read_greeting(struct end *end);

/* Sends GREETING_SIZE bytes, for which a socket always has room. */
void end_send_greeting(struct end *end, const uint8_t *data);

/* What is waited for: EPOLLIN, EPOLLOUT. */
void end_watch(struct end *end, uint32_t events);

/* "dirty_ends":n, connections that the relay ended by a reset. */
void ends_print(FILE *out);

void ends_free(void);

#endif
