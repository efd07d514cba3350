/*
 * A relay with one service, and both peers of one connection at a time.  After
 * every turn of the loop the connection is checked (turn_check.h).
 */
#ifndef TESTS_RELAY_STAGE_H
#define TESTS_RELAY_STAGE_H

#include <openssl/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "relay/relay.h"
#include "talker.h"
#include "tls/kept.h"
#include "tls/pki.h"

struct stage_spec {
    int client; /* the TLS version of the leg; 0: plain */
    int server;
    bool keeps;   /* keys are with a signer, which takes its time */
    bool refuses; /* there is no server */
    uint64_t handshake_ms; /* timeouts; 0: 5 s, and below none */
    uint64_t connect_ms;
    uint64_t idle_ms;
    uint64_t half_close_ms;
    uint64_t lifetime_ms;
};

struct stage {
    struct stage_spec spec;
    struct relay relay;
    struct service *service;
    struct service_config config;
    struct config whole;
    struct endpoint at, to;
    struct pki leaf;
    char *leaf_file, *log_file;
    struct kept_signer kept;
    SSL_CTX *client_ctx, *server_ctx;
    struct talker client, server;
    int listening;  /* the server's */
    size_t ends;    /* of connections */
    uint64_t steps; /* what a test counts as progress, beside bytes */
};

void stage_open(struct stage *stage, const struct stage_spec *spec);
void stage_close(struct stage *stage);

/* A client comes, which will say `up` bytes, and will be said `down`.  The server
 * has no socket before the relay connects.  `narrow`: little fits between the
 * client and the relay. */
void stage_begin(struct stage *stage, uint64_t up, uint64_t down, bool narrow);

/* One turn of the loop, and what is to be looked at behind it. */
void stage_turn(struct stage *stage);

/* Turns, with `act` before each, until the connection has ended and both peers
 * know it.  A connection that gets stuck ends the test. */
void stage_run(struct stage *stage, void (*act)(struct stage *));

/* Puts the peers away.  The connection has ended once, and is counted out. */
void stage_end(struct stage *stage);

/* Acts: either talker does one thing at random; both do all that they can. */
void stage_talk(struct stage *stage);
void stage_work(struct stage *stage);

/* Why the last connection ended, as the log tells it; valid until the next
 * call. */
const char *stage_reason(const struct stage *stage);

/* True if the log's line about that end has this in it. */
bool stage_end_says(const struct stage *stage, const char *text);

#endif
