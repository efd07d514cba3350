#include "tls.h"

#include <openssl/err.h>

#include "loop.h"
#include "options.h"

enum { SESSIONS_MAX = 1024, READ_BUFFER = 256 << 10 };

static struct {
    SSL_SESSION *items[SESSIONS_MAX];
    size_t count;
} sessions;

static struct side {
    unsigned long handshakes, resumed;
    const char *version, *cipher;
    int group;
} sides[2];

static int
keep_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    if (sessions.count == SESSIONS_MAX)
        return 0;
    sessions.items[sessions.count++] = session;
    return 1;
}

/* A ticket of TLS 1.3 is used once (RFC 8446 C.4), a session of TLS 1.2 for
 * as long as the server knows it. */
void
tls_offer_session(SSL *ssl)
{
    SSL_SESSION *session;

    if (sessions.count == 0)
        return;
    session = sessions.items[sessions.count - 1];
    SSL_set_session(ssl, session);
    if (SSL_SESSION_get_protocol_version(session) < TLS1_3_VERSION)
        return;
    SSL_SESSION_free(session);
    sessions.count--;
}

void
tls_free_sessions(void)
{
    while (sessions.count > 0)
        SSL_SESSION_free(sessions.items[--sessions.count]);
}

static void
choose(SSL_CTX *context, const struct options *options)
{
    int version = options->tls_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;

    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
    if (options->cipher != NULL &&
        (options->tls_1_2
                ? SSL_CTX_set_cipher_list(context, options->cipher)
                : SSL_CTX_set_ciphersuites(context, options->cipher)) != 1)
        fail("no such cipher: %s", options->cipher);
    if (options->large_reads) {
        SSL_CTX_set_read_ahead(context, 1);
        SSL_CTX_set_default_read_buffer_len(context, READ_BUFFER);
    }
}

SSL_CTX *
tls_client_context(const struct options *options)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    if (context == NULL)
        fail("SSL_CTX_new: out of memory");
    choose(context, options);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    if (options->resume) {
        SSL_CTX_set_session_cache_mode(
            context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context, keep_session);
    }
    return context;
}

SSL_CTX *
tls_server_context(const struct options *options)
{
    static const unsigned char name[] = "load";
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    if (context == NULL)
        fail("SSL_CTX_new: out of memory");
    choose(context, options);
    if (SSL_CTX_use_certificate_chain_file(context, options->cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(
            context, options->key, SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        fail("cannot load %s and %s", options->cert, options->key);
    }
    SSL_CTX_set_session_id_context(context, name, sizeof(name) - 1);
    if (!options->resume) {
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(context, 0);
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    }
    return context;
}

void
tls_count(SSL *ssl)
{
    struct side *side = &sides[SSL_is_server(ssl)];

    side->handshakes++;
    side->resumed += SSL_session_reused(ssl) != 0;
    side->version = SSL_get_version(ssl);
    side->cipher = SSL_get_cipher_name(ssl);
    side->group = (int)SSL_get_negotiated_group(ssl);
}

void
tls_reset(void)
{
    sides[0].handshakes = sides[0].resumed = 0;
    sides[1].handshakes = sides[1].resumed = 0;
}

static const char *
group_name(int group)
{
    const char *name = group != 0 ? OBJ_nid2sn(group) : NULL;

    return name != NULL ? name : "";
}

void
tls_print(FILE *out)
{
    static const char *const names[] = { "client_tls", "server_tls" };

    for (int i = 0; i < 2; i++)
        if (sides[i].version != NULL)
            fprintf(out,
                "\"%s\":{\"handshakes\":%lu,\"resumed\":%lu,"
                "\"version\":\"%s\",\"cipher\":\"%s\",\"group\":\"%s\"},",
                names[i], sides[i].handshakes, sides[i].resumed,
                sides[i].version, sides[i].cipher,
                group_name(sides[i].group));
}
