#include "far.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <openssl/err.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "handshake.h"
#include "net/loop.h"
#include "net/wire.h"
#include "pki.h"
#include "tls/tls_handshake.h"
#include "tls/tls_stream.h"

enum { TURNS = 10000, STEP = 16384 };

#define NEED(condition) need((condition), #condition)

const struct far_case far_cases[4] = {
    { TLS_ACCEPT, TLS1_2_VERSION },
    { TLS_ACCEPT, TLS1_3_VERSION },
    { TLS_CONNECT, TLS1_2_VERSION },
    { TLS_CONNECT, TLS1_3_VERSION },
};

static struct pki ca, leaf;
static char *ca_file, *leaf_file;

static void
need(bool met, const char *what)
{
    if (met)
        return;
    fprintf(stderr, "%s\n", what);
    ERR_print_errors_fp(stderr);
    abort();
}

void
far_set_up(void)
{
    handshake_log(pki_text("log", "", 0));
    ca = pki_ca("CA", NULL);
    leaf = pki_make(
        &(struct pki_spec){ .cn = "leaf", .san = "DNS:a.example" }, &ca);
    ca_file = pki_cert("ca.pem", &ca);
    leaf_file = pki_both("leaf.pem", &leaf);
}

void
far_tear_down(void)
{
    pki_free(&ca);
    pki_free(&leaf);
    pki_clean();
}

static struct tls_context *
make_context(enum tls_role role)
{
    struct service_config service = {
        .name = (char *)"test",
        .listen_leg = LEG(.cert = STRINGS(leaf_file)),
        .connect_leg = LEG(.verify = VERIFY_REQUIRED, .ca = STRINGS(ca_file)),
    };
    char messages[1000];
    struct tls_context *context =
        handshake_context(&service, role, messages, sizeof(messages));

    need(context != NULL, messages);
    return context;
}

/* The peer's keys, by which a test can make records of its own. */
static void
on_key(const SSL *ssl, const char *line)
{
    struct far *far = SSL_get_app_data(ssl);
    const char *want = SSL_is_server(ssl) ? "SERVER_TRAFFIC_SECRET_0"
                                          : "CLIENT_TRAFFIC_SECRET_0";
    const char *last = strrchr(line, ' ');

    if (strncmp(line, want, strlen(want)) == 0)
        snprintf(far->secret, sizeof(far->secret), "%s", last + 1);
}

static int
on_session(SSL *ssl, SSL_SESSION *session)
{
    struct far *far = SSL_get_app_data(ssl);

    (void)session;
    far->tickets++;
    return 0;
}

static void
make_peer(struct far *far, const struct far_case *how)
{
    bool serves = how->role == TLS_CONNECT;

    far->ctx = SSL_CTX_new(serves ? TLS_server_method() : TLS_client_method());
    NEED(far->ctx != NULL);
    SSL_CTX_set_min_proto_version(far->ctx, how->version);
    SSL_CTX_set_max_proto_version(far->ctx, how->version);
    SSL_CTX_set_ciphersuites(far->ctx, "TLS_AES_128_GCM_SHA256");
    SSL_CTX_set_keylog_callback(far->ctx, on_key);
    SSL_CTX_set_session_cache_mode(
        far->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    if (serves) {
        NEED(SSL_CTX_use_certificate(far->ctx, leaf.cert) == 1);
        NEED(SSL_CTX_use_PrivateKey(far->ctx, leaf.key) == 1);
    } else {
        SSL_CTX_sess_set_new_cb(far->ctx, on_session);
    }
    far->ssl = SSL_new(far->ctx);
    NEED(far->ssl != NULL);
    SSL_set_app_data(far->ssl, far);
    SSL_set_bio(far->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (serves)
        SSL_set_accept_state(far->ssl);
    else
        SSL_set_connect_state(far->ssl);
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
}

void
far_open(struct far *far, const struct far_case *how, void (*make)(int fds[2]))
{
    static const struct tls_peer expected = { .name = "a.example",
        .sni = "a.example" };
    int fds[2];

    *far = (struct far){ .loop = loop_new() };
    NEED(far->loop != NULL);
    make(fds);
    far->fd = fds[1];
    far->context = make_context(how->role);
    make_peer(far, how);
    stream_open(&far->stream, far->loop, fds[0], on_ready, far);
    NEED(tls_stream_start(&far->stream, far->context,
        how->role == TLS_CONNECT ? &expected : NULL));
}

void
far_close(struct far *far)
{
    stream_free(&far->stream);
    tls_context_free(far->context);
    SSL_free(far->ssl);
    SSL_CTX_free(far->ctx);
    if (far->fd >= 0)
        close(far->fd);
    loop_free(far->loop);
}

size_t
far_send(struct far *far, size_t most)
{
    uint8_t data[STEP];
    int size = BIO_read(SSL_get_wbio(far->ssl), data,
        (int)(most < sizeof(data) ? most : sizeof(data)));

    if (size <= 0)
        return 0;
    wire_send(far->fd, data, (size_t)size);
    return (size_t)size;
}

void
far_send_all(struct far *far)
{
    while (far_send(far, STEP) > 0)
        continue;
}

size_t
far_receive(struct far *far)
{
    uint8_t data[STEP];
    size_t total = 0, got;

    while ((got = wire_receive(far->fd, data, sizeof(data))) > 0) {
        NEED(BIO_write(SSL_get_rbio(far->ssl), data, (int)got) == (int)got);
        total += got;
    }
    return total;
}

void
far_shake(struct far *far)
{
    enum stream_status status = STREAM_AGAIN;

    for (int i = 0; i < TURNS; i++) {
        int done = SSL_do_handshake(far->ssl);

        far_send_all(far);
        if (status == STREAM_AGAIN)
            status = tls_handshake_run(&far->stream);
        (void)!stream_flush(&far->stream);
        if (far_receive(far) == 0 && done == 1 && status == STREAM_OK)
            return;
    }
    need(false, "the handshake came to no end");
}

void
far_write(struct far *far, const void *data, size_t size)
{
    if (size > 0)
        NEED(SSL_write(far->ssl, data, (int)size) == (int)size);
}

int
far_read(struct far *far, void *data, size_t size, int *code)
{
    int total = 0, got;

    do {
        ERR_clear_error();
        got = SSL_read(far->ssl, (uint8_t *)data + total, (int)size - total);
        if (got > 0)
            total += got;
    } while (got > 0 && (size_t)total < size);
    *code = got > 0 ? SSL_ERROR_NONE : SSL_get_error(far->ssl, got);
    return total > 0 || *code == SSL_ERROR_WANT_READ ? total : -1;
}

void
far_send_raw(struct far *far, const void *data, size_t size)
{
    wire_send(far->fd, data, size);
}

enum stream_status
far_drain(struct far *far, uint8_t *data, size_t size, size_t *got)
{
    enum stream_status status = STREAM_OK;

    *got = 0;
    while (*got < size && status == STREAM_OK) {
        size_t n;

        status = stream_read(&far->stream, data + *got, size - *got, &n);
        *got += n;
    }
    return status;
}
