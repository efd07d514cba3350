#include "tls/tls_handshake.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "net/stream.h"
#include "tls/tls_context.h"
#include "tls/tls_failure.h"
#include "tls/tls_job.h"
#include "tls/tls_key_shares.h"
#include "tls/tls_limits.h"
#include "tls/tls_session.h"
#include "tls/tls_session_cache.h"
#include "tls/tls_state.h"
#include "tls/tls_verify.h"

enum {
    /* Of messages after the handshake, as tls_stream.c bounds them. */
    MESSAGES_PER_SIGNATURE = 100,
    ALPN_NAME_MAX = 255, /* RFC 7301 3.1 */
};

/* From OpenSSL, within a read: the server sent a session to resume. */
static int
on_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_state *tls = SSL_get_app_data(ssl);

    if (tls == NULL || tls->resume == NULL)
        return 0;
    tls->ticket_came = true;
    if (!tls->established) /* TLS 1.2: within the handshake */
        tls_session_stamp(ssl, session);
    tls_session_cache_keep(tls->resume, ssl, session);
    return 1; /* the reference is ours */
}

static void
count_message(struct tls_state *tls, uint8_t type)
{
    bool old = SSL_version(tls->ssl) < TLS1_3_VERSION;

    tls->messages +=
        type == SSL3_MT_CERTIFICATE_REQUEST ? MESSAGES_PER_SIGNATURE : 1;
    tls->renegotiated |= old &&
        (type == SSL3_MT_HELLO_REQUEST || type == SSL3_MT_CLIENT_HELLO);
}

/* From OpenSSL, for each message that it reads or writes. */
static void
on_handshake_message(int is_write, int version, int type, const void *data,
    size_t length, SSL *ssl, void *arg)
{
    struct tls_state *tls = arg;
    char text[TLS_LIMITS_TEXT_SIZE];

    (void)version;
    if (type != SSL3_RT_HANDSHAKE)
        return;
    if (is_write && tls_hello_is_retry(data, length))
        tls_hello_again(&tls->hello);
    if (is_write)
        return;
    tls->wants_cert |=
        *(const uint8_t *)data == SSL3_MT_CERTIFICATE_REQUEST;
    if (tls->established)
        count_message(tls, *(const uint8_t *)data);
    else if (!tls_limits_check(ssl, data, length, text))
        tls_state_keep_failure(tls, TLS_CAUSE_BAD_CERTIFICATE, text);
}

/* One protocol in place of the context's; "": none. */
static bool
offer_protocol(SSL *ssl, const char *name)
{
    unsigned char wire[ALPN_NAME_MAX + 1];
    size_t length = strlen(name);

    if (length > ALPN_NAME_MAX)
        return false;
    wire[0] = (unsigned char)length;
    memcpy(wire + 1, name, length);
    return SSL_set_alpn_protos(
               ssl, wire, length > 0 ? (unsigned)length + 1 : 0) == 0;
}

static bool
prepare_connect(struct tls_state *tls, const struct tls_peer *peer)
{
    SSL_set_connect_state(tls->ssl);
    if (peer->sni != NULL &&
        SSL_set_tlsext_host_name(tls->ssl, peer->sni) != 1)
        return false;
    if (peer->name != NULL && !tls_verify_expect(tls->ssl, peer->name))
        return false;
    /* Without a name, every server with a certificate of the CA would pass. */
    if (peer->name == NULL &&
        tls_verify_extent(tls->ssl) == TLS_VERIFIED_CHAIN)
        return false;
    if (peer->alpn != NULL && !offer_protocol(tls->ssl, peer->alpn))
        return false;
    tls->resume = peer->resume;
    if (tls->resume != NULL) {
        SSL_CTX_sess_set_new_cb(SSL_get_SSL_CTX(tls->ssl), on_new_session);
        tls_session_cache_offer(tls->resume, tls->ssl);
    }
    return true;
}

static void
prepare_accept(struct tls_state *tls)
{
    SSL_set_accept_state(tls->ssl);
    tls->input.hello = &tls->hello;
    tls->ticket_due =
        (SSL_get_options(tls->ssl) & SSL_OP_NO_TICKET) == 0;
}

/* A handshake, or a read, need be held no longer. */
static void
on_job_wake(void *arg)
{
    struct stream *stream = arg;

    const struct tls_state *tls = stream->state;
    short what = tls->established ? EV_READ : 0;

    if (stream_is_open(stream))
        event_get_callback(&stream->event)(
            stream->fd, what, event_get_callback_arg(&stream->event));
    else
        tls_state_drop_job(stream->state);
}

/* True without a job if there is no signer: none is needed then. */
static bool
prepare_job(struct tls_state *tls, struct tls_signer *signer)
{
    if (signer == NULL)
        return true;
    tls->job = tls_job_new(tls->ssl, signer, tls->input.stream->loop,
        on_job_wake, tls->input.stream);
    return tls->job != NULL;
}

bool
tls_handshake_begin(struct tls_state *tls, const struct tls_context *context,
    const struct tls_peer *peer)
{
    SSL_set_app_data(tls->ssl, tls);
    SSL_set_msg_callback(tls->ssl, on_handshake_message);
    SSL_set_msg_callback_arg(tls->ssl, tls);
    if (peer == NULL)
        prepare_accept(tls);
    else if (!prepare_connect(tls, peer))
        return false;
    return prepare_job(tls, tls_context_signer(context));
}

/* False: it is held. */
static bool
do_handshake(struct tls_state *tls, int *result)
{
    if (tls->job != NULL)
        return tls_job_run(tls->job, result);
    *result = SSL_do_handshake(tls->ssl);
    return true;
}

/* Returns SSL_get_error()'s code; SSL_ERROR_WANT_ASYNC: it is held. */
static int
run_handshake(struct tls_state *tls)
{
    int code, result;

    tls_bio_begin(&tls->input);
    ERR_clear_error();
    do {
        tls->input.filled = false;
        code = do_handshake(tls, &result) ? SSL_get_error(tls->ssl, result)
                                          : SSL_ERROR_WANT_ASYNC;
    } while (code == SSL_ERROR_WANT_READ && !tls->input.starved &&
        tls->input.reads > 0 && !tls->input.refused);
    tls->starved = code == SSL_ERROR_WANT_READ && tls->input.starved;
    tls_bio_end(&tls->input);
    return code;
}

/* The socket is not read meanwhile; a reset is found all the same. */
static enum stream_status
judge_held(struct stream *stream, struct tls_state *tls, bool again)
{
    if (again && stream->error == 0 && stream_is_gone(stream))
        stream->error = ECONNRESET;
    if (stream->error == 0)
        return STREAM_AGAIN;
    tls_state_keep_failure(tls, TLS_CAUSE_CLOSED, strerror(stream->error));
    return STREAM_RESET;
}

/* For a certificate, which takes a signature (RFC 8446 4.6.2). */
static bool
may_be_asked_later(const SSL *ssl)
{
    return !SSL_is_server(ssl) && SSL_version(ssl) == TLS1_3_VERSION;
}

static enum stream_status
establish_session(struct tls_state *tls)
{
    if (!tls_verify_is_satisfied(tls->ssl)) {
        tls_state_keep_failure(tls, TLS_CAUSE_NO_CERTIFICATE,
            "the peer showed no verified certificate");
        return tls_state_fail(tls);
    }
    tls_session_stamp(tls->ssl, SSL_get_session(tls->ssl));
    tls->established = true;
    tls->input.hello = NULL;
    if (tls->job != NULL && may_be_asked_later(tls->ssl))
        tls_job_read_on(tls->job);
    else
        tls_state_drop_job(tls);
    tls_key_shares_release(tls->ssl);
    return STREAM_OK;
}

/* In place of OpenSSL, which does not know of it. */
static enum stream_status
refuse_hello(struct stream *stream, struct tls_state *tls)
{
    static const uint8_t illegal_parameter[] = { SSL3_RT_ALERT, 3, 3, 0, 2,
        SSL3_AL_FATAL, SSL_AD_ILLEGAL_PARAMETER };
    char text[TLS_FAILURE_SIZE];

    snprintf(text, sizeof(text), "excessive ClientHello: %u bytes, at most %d "
        "are taken", (unsigned)tls_hello_bytes(&tls->hello),
        TLS_HELLO_BYTES_MAX);
    tls_state_keep_failure(tls, TLS_CAUSE_PROTOCOL_ERROR, text);
    tls->broken = true;
    (void)!stream_send(stream, illegal_parameter, sizeof(illegal_parameter));
    return STREAM_FAILED;
}

/* The handshake needs more of the peer, or is done, and the peer's next bytes may
 * wait for the acknowledgement of what was read: in TLS 1.3 a client's first data
 * for that of its Finished.  Bytes that OpenSSL wrote meanwhile carry it, and a
 * peer whose next bytes are here does not wait. */
static void
acknowledge_input(struct stream *stream, const struct tls_input *input)
{
    if (input->took && !input->spoke && buffer_length(&input->left) == 0)
        stream_acknowledge(stream);
}

enum stream_status
tls_handshake_run(struct stream *stream)
{
    struct tls_state *tls = stream->state;
    bool held = tls_state_is_held(tls);
    int code = run_handshake(tls);

    if (code == SSL_ERROR_WANT_ASYNC)
        return judge_held(stream, tls, held);
    if (tls->input.refused)
        return refuse_hello(stream, tls);
    acknowledge_input(stream, &tls->input);
    if (code == SSL_ERROR_NONE)
        return establish_session(tls);
    if (code != SSL_ERROR_WANT_READ)
        return tls_state_fail(tls);
    if (tls->input.ended && !tls->input.began)
        return STREAM_END;
    return tls_state_judge_socket(stream, tls);
}
