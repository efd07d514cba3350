/*
 * Two contexts that shake hands with each other in memory.
 */
#ifndef TESTS_TLS_HANDSHAKE_H
#define TESTS_TLS_HANDSHAKE_H

#include <openssl/ssl.h>

#include <stdbool.h>

#include "base/error.h"
#include "config/config.h"
#include "tls/tls_context.h"

#define STRINGS(...) { \
    .items = (char *[]){ __VA_ARGS__ }, \
    .count = sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *) }

/* A leg as the option table's defaults make it, but that verifies no peer. */
#define LEG(...) { .verify_depth = 5, \
    .min_version = TLS_VERSION_1_2, .max_version = TLS_VERSION_1_3, \
    .session_tickets = true, .session_lifetime_ms = 24 * 3600 * 1000, \
    __VA_ARGS__ }

struct handshake {
    SSL *client;
    SSL *server;
    bool client_done;
    bool server_done;
    char client_fault[1200];    /* what was wrong with the peer, or "" */
    char server_fault[1200];
    char client_reason[256];    /* what OpenSSL says of it, or "" */
    char server_reason[256];
};

/* Both legs of `service` against each other.  `name`: what the client expects
 * of the server's certificate, and its SNI unless it is an address; may be
 * NULL.  A context that cannot be made ends the test. */
struct handshake handshake_run(const struct service_config *service,
    const char *name);

/* The same with contexts that are there, and a session for the client. */
struct handshake handshake_between(const struct tls_context *client,
    const struct tls_context *server, const char *name, SSL_SESSION *session);

/* The same with a client that sends `sni`, whatever text it is, and expects no
 * name of the server. */
struct handshake handshake_asking(const struct tls_context *client,
    const struct tls_context *server, const char *sni, SSL_SESSION *session);

void handshake_free(struct handshake *handshake);

/* Sends the log, warnings of contexts among it, to a file. */
void handshake_log(const char *path);

/* The context, or NULL and all messages in `messages`, one a line.  It is made
 * of the disk's files, of a bundle's, and of what that one loaded: the test ends
 * if these differ. */
struct tls_context *handshake_context(const struct service_config *service,
    enum tls_role role, char *messages, size_t size);

#endif
