#include "tls/tls_context.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/config.h"
#include "config/config_alpn.h"
#include "tls/tls_cert_list.h"
#include "tls/tls_ciphers.h"
#include "tls/tls_context_certs.h"
#include "tls/tls_error.h"
#include "tls/tls_load.h"
#include "tls/tls_notes.h"
#include "tls/tls_policy.h"
#include "tls/tls_session.h"
#include "tls/tls_ticket_keys.h"
#include "tls/tls_trust.h"

/* RFC 7301 3.1: a name has 1 to 255 bytes, and a length byte in front. */
enum { ALPN_NAME_MAX = 255, ALPN_LIST_MAX = 65535 };

/* How much early data is skipped (RFC 8446 4.2.10).  The server that gave out
 * the ticket set the limit; OpenSSL's servers allow 16 KiB, in records of any
 * size, each of which counts with its tag. */
enum { EARLY_DATA_SKIPPED_BYTES = 256 << 10 };

struct tls_context {
    unsigned references;
    SSL_CTX *ctx;
    enum tls_role role;
    struct tls_signer *signer;  /* NULL: it has its keys, or needs none */
    unsigned char *alpn;        /* as on the wire; NULL: none */
    unsigned alpn_length;
};

static void
set_context_options(const struct tls_load *load)
{
    SSL_CTX *ctx = load->ctx;

    /* A connection that waits owns no record buffer; a retried write comes
     * from wherever the bytes are then; one read handles one record, so that
     * the caller can count them; and no chain is made up from the CAs that
     * the peer is judged by. */
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
        SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    /* The system's openssl.cnf may have set them. */
    SSL_CTX_clear_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF |
        SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION |
        SSL_OP_LEGACY_SERVER_CONNECT);
    SSL_CTX_set_read_ahead(ctx, 0); /* tls_bio.c does that */
    SSL_CTX_set_quiet_shutdown(ctx, 0);
    SSL_CTX_set_verify_depth(ctx, (int)load->leg->verify_depth);
    SSL_CTX_set_max_cert_list(
        ctx, (long)tls_cert_list_bytes(load->leg->verify_depth));
#ifdef SSL_OP_NO_RX_CERTIFICATE_COMPRESSION
    /* What it unpacks to is not bounded in time (tls_cert_list.h). */
    SSL_CTX_set_options(ctx, SSL_OP_NO_RX_CERTIFICATE_COMPRESSION);
#endif
    /* Our tickets allow none; a client that has another server's is served
     * all the same.  A limit of 0 for receiving would be a fatal alert. */
    if (SSL_CTX_set_max_early_data(ctx, 0) != 1 ||
        SSL_CTX_set_recv_max_early_data(ctx, EARLY_DATA_SKIPPED_BYTES) != 1)
        tls_error_add(load->error, "service %s: cannot turn early data off",
            load->service->name);
}

/* A server keeps nothing: sessions live in tickets, which the stream sends
 * when it has bytes for the client anyway, because a ticket that the client
 * never reads makes the kernel reset the connection.  A client's sessions are
 * kept in the cache that its peer names, if any (struct tls_peer). */
static void
set_sessions(const struct tls_load *load)
{
    SSL_CTX *ctx = load->ctx;

    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    if (!load->leg->session_tickets)
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    else if (!load->accepts)
        SSL_CTX_set_session_cache_mode(ctx,
            SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    if (load->accepts && SSL_CTX_set_num_tickets(ctx, 0) != 1)
        tls_error_add(load->error, "service %s: cannot hold tickets back",
            load->service->name);
    if (!tls_session_install(ctx, load->leg->session_lifetime_ms))
        tls_error_add(load->error, "service %s: cannot bound its sessions",
            load->service->name);
}

/* The server's preference decides; without a common protocol the handshake
 * ends with the alert no_application_protocol (RFC 7301 3.2). */
static int
select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_length,
    const unsigned char *offered, unsigned offered_length, void *arg)
{
    const struct tls_context *context = arg;
    unsigned char *chosen;

    (void)ssl;
    if (SSL_select_next_proto(&chosen, out_length, context->alpn,
        context->alpn_length, offered, offered_length) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* NULL: a fault, which is among the errors. */
static unsigned char *
encode_alpn(const struct tls_load *load, unsigned *length)
{
    const struct strings *names = &load->leg->alpn;
    unsigned char *wire = malloc(names->count * (ALPN_NAME_MAX + 1));
    size_t one, total = 0;

    for (size_t i = 0; wire != NULL && i < names->count; i++) {
        one = strlen(names->items[i]);
        if (one == 0 || one > ALPN_NAME_MAX || total + one >= ALPN_LIST_MAX) {
            tls_load_fault(load, "alpn", "\"%s\": a protocol's name has 1 to "
                "%d bytes, and all of them together %d", names->items[i],
                ALPN_NAME_MAX, ALPN_LIST_MAX);
            free(wire);
            return NULL;
        }
        wire[total] = (unsigned char)one;
        memcpy(wire + total + 1, names->items[i], one);
        total += 1 + one;
    }
    if (wire == NULL)
        tls_load_fault(load, "alpn", "cannot be set: out of memory");
    *length = (unsigned)total;
    return wire;
}

static void
set_alpn(struct tls_context *context, const struct tls_load *load)
{
    if (load->leg->alpn.count == 0 ||
        (!load->accepts && config_alpn_is_client(&load->leg->alpn)))
        return;
    context->alpn = encode_alpn(load, &context->alpn_length);
    if (context->alpn == NULL)
        return;
    if (load->accepts)
        SSL_CTX_set_alpn_select_cb(load->ctx, select_alpn, context);
    else if (SSL_CTX_set_alpn_protos(load->ctx, context->alpn,
        context->alpn_length) != 0)
        tls_load_fault(load, "alpn", "cannot be set: out of memory");
}

/* Binds sessions to the service and policy they were made under: what decides
 * which peers are accepted is part of their name, and of the key that seals
 * them. */
static void
set_session_context(
    const struct tls_load *load, const struct tls_ticket_secrets *tickets)
{
    unsigned char id[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    tls_policy_digest(load);
    if (EVP_DigestFinal_ex(load->policy, id, &length) != 1 ||
        SSL_CTX_set_session_id_context(load->ctx, id, length) != 1)
        tls_error_add(load->error, "service %s: cannot name its sessions",
            load->service->name);
    else if (load->accepts && tickets != NULL &&
        !tls_ticket_keys_use(load->ctx, tickets, id, length))
        tls_error_add(load->error, "service %s: cannot make ticket keys",
            load->service->name);
}

static void
fill_context(struct tls_context *context, const struct tls_load *load,
    const struct tls_ticket_secrets *tickets)
{
    set_context_options(load);
    set_sessions(load);
    tls_ciphers_load(load);     /* first: it may set the security level */
    tls_context_certs_load(load);
    tls_trust_load(load);
    /* For servers that ask when they know what the client wants. */
    if (!load->accepts && load->leg->cert.count > 0)
        SSL_CTX_set_post_handshake_auth(load->ctx, 1);
    set_alpn(context, load);
    set_session_context(load, tickets);
}

static bool
prepare_context(struct tls_context *context, struct tls_load *load)
{
    context->ctx = load->ctx = SSL_CTX_new(
        load->accepts ? TLS_server_method() : TLS_client_method());
    load->policy = EVP_MD_CTX_new();
    return load->ctx != NULL && load->policy != NULL &&
        EVP_DigestInit_ex(load->policy, EVP_sha256(), NULL) == 1;
}

static bool
is_faulty(const struct tls_load *load, size_t before)
{
    return load->error->count + load->error->dropped > before ||
        (load->notes != NULL && load->notes->faulty);
}

struct tls_load
tls_context_load_of(const struct service_config *service, enum tls_role role,
    const struct tls_resources *resources, struct error *error)
{
    bool accepts = role == TLS_ACCEPT;

    return (struct tls_load){
        .service = service,
        .leg = accepts ? &service->listen_leg : &service->connect_leg,
        .files = tls_load_files(service),
        .side = accepts ? "listen" : "connect",
        .accepts = accepts,
        .signer = resources->signer,
        .shared = resources->shared,
        .error = error,
    };
}

struct tls_context *
tls_context_load(struct tls_load *load, const struct tls_ticket_secrets *tickets)
{
    size_t before = load->error->count + load->error->dropped;
    struct tls_context *context = calloc(1, sizeof(*context));

    ERR_clear_error();
    if (context == NULL) {
        error_add(
            load->error, "service %s: out of memory", load->service->name);
        return NULL;
    }
    context->references = 1;
    context->role = load->accepts ? TLS_ACCEPT : TLS_CONNECT;
    if (load->leg->cert.count > 0)
        context->signer = load->signer;
    if (prepare_context(context, load))
        fill_context(context, load, tickets);
    else
        tls_error_add(load->error, "service %s: cannot set up TLS",
            load->service->name);
    EVP_MD_CTX_free(load->policy);
    load->policy = NULL;
    ERR_clear_error();
    if (is_faulty(load, before)) {
        tls_context_free(context);
        return NULL;
    }
    return context;
}

struct tls_context *
tls_context_new(const struct service_config *service, enum tls_role role,
    const struct tls_resources *resources, struct error *error)
{
    struct tls_load load =
        tls_context_load_of(service, role, resources, error);

    return tls_context_load(&load, resources->tickets);
}

struct tls_context *
tls_context_ref(struct tls_context *context)
{
    context->references++;
    return context;
}

void
tls_context_free(struct tls_context *context)
{
    if (context == NULL || --context->references > 0)
        return;
    SSL_CTX_free(context->ctx);
    free(context->alpn);
    free(context);
}

SSL_CTX *
tls_context_ssl(const struct tls_context *context)
{
    return context->ctx;
}

struct tls_signer *
tls_context_signer(const struct tls_context *context)
{
    return context->signer;
}

enum tls_role
tls_context_role(const struct tls_context *context)
{
    return context->role;
}
