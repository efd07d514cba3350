/*
 * A signer whose signatures a vault of this process makes, some turns of the
 * loop after they were asked for; and two streams that shake hands with its
 * help.
 */
#ifndef TESTS_TLS_KEPT_H
#define TESTS_TLS_KEPT_H

#include <event2/event_struct.h>

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "net/loop.h"
#include "net/stream.h"
#include "tls/tls_context.h"
#include "tls/tls_signer.h"
#include "tls/tls_stream.h"
#include "tls/tls_vault.h"

struct tls_session_cache;

struct kept_signer {
    struct tls_signer signer;
    struct tls_vault *vault;
    struct loop *loop;
    TAILQ_HEAD(, tls_signing) signings; /* oldest first */
    struct loop_task task;
    struct event timer;
    int delay_ms;     /* 0: in the next turn */
    bool holds;       /* nothing is answered before kept_release() */
    bool refuses;
    size_t asked, answered, cancelled;
};

/* With the keys of all legs of `service` (both of them TLS). */
void kept_signer_open(struct kept_signer *kept, struct loop *loop,
    const struct service_config *service);
void kept_signer_close(struct kept_signer *kept);

/* What is asked now is answered in the next turn, and so on. */
void kept_release(struct kept_signer *kept);

/* One end of a handshake. */
struct kept_end {
    struct stream stream;
    enum stream_status status;
    int calls; /* how often it was called */
};

struct kept_pair {
    struct kept_end client, server;
};

/* What both ends of pairs are made of. */
struct kept_contexts {
    struct tls_context *client, *server;
};

/* A service whose legs use `cert` and `key` each, and trust `ca`.  `version`
 * is the only one.  `strings` is memory for it. */
struct kept_spec {
    char *cert, *key, *ca;
    enum tls_version version;
};
struct service_config kept_service(struct kept_spec *spec);

/* Without a signer, keys are loaded.  A fault ends the test. */
struct kept_contexts kept_contexts(const struct service_config *service,
    struct tls_signer *client, struct tls_signer *server);
void kept_contexts_free(struct kept_contexts *contexts);

/* Nothing has happened yet. */
void kept_pair_open(struct kept_pair *pair, struct loop *loop,
    const struct kept_contexts *contexts, struct tls_session_cache *resume);
void kept_pair_close(struct kept_pair *pair);

/* Turns the loop until both have ended, well or not. */
bool kept_pair_over(void *pair);

#endif
