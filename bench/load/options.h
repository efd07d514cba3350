/*
 * What the load generator is asked to do.
 */
#ifndef LOAD_OPTIONS_H
#define LOAD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct options {
    const char *mode;
    uint16_t connect_port; /* of the relay */
    uint16_t listen_port;  /* of our server, which the relay connects to */
    unsigned connections;
    uint64_t count;        /* bytes, exchanges or connections to measure */
    uint64_t warm;         /* as many before that */
    unsigned limit_s;      /* the run fails if it takes longer */
    unsigned every_us;     /* pace: from one exchange to the next */
    unsigned settle_ms;    /* slow: how long before "ready" */
    unsigned receive_buffer;
    const char *cipher;    /* NULL: OpenSSL's choice */
    const char *cert, *key; /* of our server */
    bool client_tls, server_tls;
    bool tls_1_2;
    bool resume;
    bool nagle;       /* as programs do that set no TCP_NODELAY */
    bool check;       /* every byte, not only those of the warming up */
    bool phases;      /* wait for a line on stdin after "ready" and "done" */
    bool large_reads; /* follows from the mode */
};

/* Exits with a message if they are wrong. */
void options_read(struct options *options, int argc, char **argv);

#endif
