#include "tls/tls_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/loop.h"
#include "tls/tls_bio.h"
#include "tls/tls_context.h"
#include "tls/tls_error.h"
#include "tls/tls_hello.h"
#include "tls/tls_job.h"
#include "tls/tls_key_shares.h"
#include "tls/tls_limits.h"
#include "tls/tls_session.h"
#include "tls/tls_session_cache.h"
#include "tls/tls_verify.h"

enum {
    /* One wake-up reads no more records than this, however small they are. */
    RECORDS_PER_READ = 64,
    /* Messages of TLS itself (KeyUpdate, tickets, renegotiation) are met with
     * patience, but cost more than data does: so many more than records with
     * data are an attack. */
    MESSAGES_MAX = 1000,
    MESSAGES_PER_SIGNATURE = 100,
    FAILURE_SIZE = 512,
    PENDING_MAX = 2 * LOOP_RECORDS_BYTES,
};

#define REFUSED "asked to renegotiate, which is refused"

struct tls_stream {
    SSL *ssl;
    struct tls_job *job;       /* until no signature can be needed any more */
    struct tls_session_cache *resume; /* connect leg; may be NULL */
    struct tls_input input;
    struct tls_hello hello; /* listen leg, until the handshake is done */
    char *failure;
    unsigned messages;      /* since the handshake, beyond records with data */
    enum stream_status end; /* how reading ended; STREAM_OK: it has not */
    bool starved;           /* the last read ended for want of a whole record */
    bool established;       /* the handshake is done */
    bool broken;            /* OpenSSL will not go on: SSL_get_error(3) */
    bool ticket_due;        /* to be sent with the first data */
    bool ticket_came;       /* in this read */
    bool renegotiated;      /* the peer asked to; it is refused */
};

static enum stream_status tls_read(
    struct stream *, void *data, size_t size, size_t *got);
static enum stream_status tls_write(
    struct stream *, const void *data, size_t size);
static void tls_finish(struct stream *);
static bool tls_has_input(const struct stream *);
static bool tls_may_write(const struct stream *);
static void tls_free(struct stream *);

static const struct stream_ops tls_ops = {
    .read = tls_read,
    .write = tls_write,
    .finish = tls_finish,
    .has_input = tls_has_input,
    .may_write = tls_may_write,
    .free = tls_free,
};

bool
tls_stream_is_tls(const struct stream *stream)
{
    return stream->ops == &tls_ops;
}

/* A handshake that waits for a signature is made to fail. */
static void
drop_job(struct tls_stream *tls)
{
    if (tls->job == NULL)
        return;
    tls->input.severed = tls_job_is_held(tls->job);
    tls->broken |= tls->input.severed;
    tls_job_free(tls->job);
    tls->job = NULL;
    ERR_clear_error();
}

static void
tls_stream_free(struct tls_stream *tls)
{
    drop_job(tls);
    /* Without this OpenSSL takes the session for a failed one and never
     * resumes it; an abort says what it has to say by its reset. */
    if (tls->established && !tls->broken)
        SSL_set_shutdown(tls->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(tls->ssl);
    buffer_clear(&tls->input.left);
    free(tls->failure);
    free(tls);
}

static void
tls_free(struct stream *stream)
{
    tls_stream_free(stream->state);
}

/* From OpenSSL, within a read: the server sent a session to resume. */
static int
on_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_stream *tls = SSL_get_app_data(ssl);

    if (tls == NULL || tls->resume == NULL)
        return 0;
    tls->ticket_came = true;
    if (!tls->established) /* TLS 1.2: within the handshake */
        tls_session_stamp(ssl, session);
    tls_session_cache_keep(tls->resume, session);
    return 1; /* the reference is ours */
}

static void
keep_failure(struct tls_stream *tls, const char *text)
{
    if (tls->failure == NULL)
        tls->failure = strdup(text);
}

static void
count_message(struct tls_stream *tls, uint8_t type)
{
    bool old = SSL_version(tls->ssl) < TLS1_3_VERSION;

    tls->messages +=
        type == SSL3_MT_CERTIFICATE_REQUEST ? MESSAGES_PER_SIGNATURE : 1;
    tls->renegotiated |= old &&
        (type == SSL3_MT_HELLO_REQUEST || type == SSL3_MT_CLIENT_HELLO);
}

/* From OpenSSL, for each message that it reads or writes. */
static void
on_message(int is_write, int version, int type, const void *data,
    size_t length, SSL *ssl, void *arg)
{
    struct tls_stream *tls = arg;
    char text[TLS_LIMITS_TEXT_SIZE];

    (void)version;
    if (type != SSL3_RT_HANDSHAKE)
        return;
    if (is_write && tls_hello_is_retry(data, length))
        tls_hello_again(&tls->hello);
    if (is_write)
        return;
    if (tls->established)
        count_message(tls, *(const uint8_t *)data);
    else if (!tls_limits_check(ssl, data, length, text))
        keep_failure(tls, text);
}

static bool
prepare_connect(struct tls_stream *tls, const struct tls_peer *peer)
{
    SSL_set_connect_state(tls->ssl);
    if (peer->sni != NULL &&
        SSL_set_tlsext_host_name(tls->ssl, peer->sni) != 1)
        return false;
    if (peer->name != NULL && !tls_verify_expect(tls->ssl, peer->name))
        return false;
    /* Without a name, every server with a certificate of the CA would pass. */
    if (peer->name == NULL &&
        SSL_get_verify_mode(tls->ssl) != SSL_VERIFY_NONE)
        return false;
    tls->resume = peer->resume;
    if (tls->resume != NULL) {
        SSL_CTX_sess_set_new_cb(SSL_get_SSL_CTX(tls->ssl), on_new_session);
        tls_session_cache_offer(tls->resume, tls->ssl);
    }
    return true;
}

static void
prepare_accept(struct tls_stream *tls)
{
    SSL_set_accept_state(tls->ssl);
    tls->input.hello = &tls->hello;
    tls->ticket_due =
        (SSL_get_options(tls->ssl) & SSL_OP_NO_TICKET) == 0;
}

/* A handshake, or a read, need be held no longer. */
static void
on_wake(void *arg)
{
    struct stream *stream = arg;

    const struct tls_stream *tls = stream->state;
    short what = tls->established ? EV_READ : 0;

    if (stream_is_open(stream))
        event_get_callback(&stream->event)(
            stream->fd, what, event_get_callback_arg(&stream->event));
    else
        drop_job(stream->state);
}

/* True without a job if there is no signer: none is needed then. */
static bool
prepare_job(struct tls_stream *tls, struct tls_signer *signer)
{
    if (signer == NULL)
        return true;
    tls->job = tls_job_new(tls->ssl, signer, tls->input.stream->loop, on_wake,
        tls->input.stream);
    return tls->job != NULL;
}

bool
tls_stream_start(struct stream *stream, const struct tls_context *context,
    const struct tls_peer *peer)
{
    struct tls_stream *tls = calloc(1, sizeof(*tls));
    SSL_CTX *ctx = tls_context_ssl(context);
    BIO *bio;

    if (tls == NULL)
        return false;
    tls->input.stream = stream;
    tls->ssl = SSL_new(ctx);
    bio = tls->ssl != NULL ? tls_bio_new(&tls->input) : NULL;
    if (bio == NULL)
        goto fail;
    SSL_set_bio(tls->ssl, bio, bio); /* one BIO, one reference: SSL_set_bio(3) */
    SSL_set_app_data(tls->ssl, tls);
    SSL_set_msg_callback(tls->ssl, on_message);
    SSL_set_msg_callback_arg(tls->ssl, tls);
    if (peer == NULL)
        prepare_accept(tls);
    else if (!prepare_connect(tls, peer))
        goto fail;
    if (!prepare_job(tls, tls_context_signer(context)))
        goto fail;
    stream->ops = &tls_ops;
    stream->state = tls;
    return true;
fail:
    ERR_clear_error();
    tls_stream_free(tls);
    return false;
}

/* What the end came of, if that is known better than by what happened last. */
static void
keep_cause(struct tls_stream *tls, const char *text)
{
    char cause[FAILURE_SIZE + sizeof(REFUSED) + sizeof("; then: ")];

    snprintf(cause, sizeof(cause), "%s%s%s",
        tls->renegotiated ? REFUSED : "",
        tls->renegotiated ? "; then: " : "", text);
    keep_failure(tls, cause);
}

/* OpenSSL failed: by the peer's fault or by ours, the connection is over. */
static enum stream_status
fail(struct tls_stream *tls)
{
    char text[FAILURE_SIZE];

    tls->broken = true;
    if (tls->job != NULL && tls_job_was_refused(tls->job))
        keep_failure(tls, "no signature could be had from the keeper");
    if (tls_verify_failure(tls->ssl, text, sizeof(text)))
        ERR_clear_error();
    else
        tls_error_reason(text, sizeof(text));
    if (!tls->established && tls_limits_broke_ticket(tls->ssl))
        snprintf(text, sizeof(text), "the certificate is too large for a "
            "ticket of TLS 1.2: session_tickets = no, or TLS 1.3, lets it in");
    keep_cause(tls, text[0] != '\0' ? text : "TLS failed");
    return STREAM_FAILED;
}

/* OpenSSL wants to read: what does the socket say? */
static enum stream_status
judge_socket(const struct stream *stream, struct tls_stream *tls)
{
    if (stream->error != 0) {
        keep_cause(tls, strerror(stream->error));
        return STREAM_RESET;
    }
    if (tls->input.ended) {
        keep_cause(tls, "the peer closed without close_notify");
        return STREAM_TRUNCATED;
    }
    return STREAM_AGAIN;
}

/* False: it is held. */
static bool
shake(struct tls_stream *tls, int *result)
{
    if (tls->job != NULL)
        return tls_job_run(tls->job, result);
    *result = SSL_do_handshake(tls->ssl);
    return true;
}

/* Returns SSL_get_error()'s code; SSL_ERROR_WANT_ASYNC: it is held. */
static int
shake_on(struct tls_stream *tls)
{
    int code, result;

    tls_bio_begin(&tls->input);
    ERR_clear_error();
    do {
        tls->input.filled = false;
        code = shake(tls, &result) ? SSL_get_error(tls->ssl, result)
                                   : SSL_ERROR_WANT_ASYNC;
    } while (code == SSL_ERROR_WANT_READ && !tls->input.starved &&
        tls->input.reads > 0 && !tls->input.refused);
    tls->starved = code == SSL_ERROR_WANT_READ && tls->input.starved;
    tls_bio_end(&tls->input);
    return code;
}

bool
tls_stream_is_held(const struct stream *stream)
{
    const struct tls_stream *tls = stream->state;

    return tls_stream_is_tls(stream) && tls->job != NULL &&
        tls_job_is_held(tls->job);
}

/* The socket is not read meanwhile; a reset is found all the same. */
static enum stream_status
judge_held(struct stream *stream, struct tls_stream *tls, bool again)
{
    if (again && stream->error == 0 && stream_is_gone(stream))
        stream->error = ECONNRESET;
    if (stream->error == 0)
        return STREAM_AGAIN;
    keep_failure(tls, strerror(stream->error));
    return STREAM_RESET;
}

/* For a certificate, which takes a signature (RFC 8446 4.6.2). */
static bool
may_be_asked_later(const SSL *ssl)
{
    return !SSL_is_server(ssl) && SSL_version(ssl) == TLS1_3_VERSION;
}

static enum stream_status
establish(struct tls_stream *tls)
{
    if (!tls_verify_is_satisfied(tls->ssl)) {
        keep_failure(tls, "the peer showed no verified certificate");
        return fail(tls);
    }
    tls_session_stamp(tls->ssl, SSL_get_session(tls->ssl));
    tls->established = true;
    tls->input.hello = NULL;
    if (tls->job != NULL && may_be_asked_later(tls->ssl))
        tls_job_read_on(tls->job);
    else
        drop_job(tls);
    tls_key_shares_release(tls->ssl);
    return STREAM_OK;
}

/* In place of OpenSSL, which does not know of it. */
static enum stream_status
refuse_hello(struct stream *stream, struct tls_stream *tls)
{
    static const uint8_t illegal_parameter[] = { SSL3_RT_ALERT, 3, 3, 0, 2,
        SSL3_AL_FATAL, SSL_AD_ILLEGAL_PARAMETER };
    char text[FAILURE_SIZE];

    snprintf(text, sizeof(text), "excessive ClientHello: %u bytes, at most %d "
        "are taken", (unsigned)tls_hello_bytes(&tls->hello),
        TLS_HELLO_BYTES_MAX);
    keep_failure(tls, text);
    tls->broken = true;
    (void)!stream_send(stream, illegal_parameter, sizeof(illegal_parameter));
    return STREAM_FAILED;
}

/* The handshake needs more of the peer, or is done, and the peer's next bytes may
 * wait for the acknowledgement of what was read: in TLS 1.3 a client's first data
 * for that of its Finished.  Bytes that OpenSSL wrote meanwhile carry it, and a
 * peer whose next bytes are here does not wait. */
static void
acknowledge(struct stream *stream, const struct tls_input *input)
{
    if (input->took && !input->spoke && buffer_length(&input->left) == 0)
        stream_acknowledge(stream);
}

enum stream_status
tls_stream_handshake(struct stream *stream)
{
    struct tls_stream *tls = stream->state;
    bool held = tls_stream_is_held(stream);
    int code = shake_on(tls);

    if (code == SSL_ERROR_WANT_ASYNC)
        return judge_held(stream, tls, held);
    if (tls->input.refused)
        return refuse_hello(stream, tls);
    acknowledge(stream, &tls->input);
    if (code == SSL_ERROR_NONE)
        return establish(tls);
    if (code != SSL_ERROR_WANT_READ)
        return fail(tls);
    if (tls->input.ended && !tls->input.began)
        return STREAM_END;
    return judge_socket(stream, tls);
}

/* The peer may send messages, but not without end, and not while it leaves our
 * answers unread. */
static bool
is_flood(const struct stream *stream, const struct tls_stream *tls)
{
    return tls->messages > MESSAGES_MAX ||
        (tls->messages > 0 && buffer_length(&stream->pending) > PENDING_MAX);
}

/* SSL_get_error()'s code; SSL_ERROR_WANT_ASYNC: it is held.  Only what comes in
 * front of data can need the job. */
static int
read_some(struct tls_stream *tls, uint8_t *data, size_t size, size_t *got)
{
    int result = 1;

    ERR_clear_error();
    if (tls->job != NULL && SSL_pending(tls->ssl) == 0 &&
        !tls_job_run(tls->job, &result))
        return SSL_ERROR_WANT_ASYNC;
    if (result == 1)
        result = SSL_read_ex(tls->ssl, data, size, got);
    return SSL_get_error(tls->ssl, result);
}

/* One record's worth of data; see stream_read().  STREAM_AGAIN without
 * `input.starved`: there was no data, but there may be more. */
static enum stream_status
read_record(struct stream *stream, struct tls_stream *tls, uint8_t *data,
    size_t size, size_t *got)
{
    int code;

    tls->input.filled = false;
    tls_bio_want(&tls->input, size);
    code = read_some(tls, data, size, got);
    if (code == SSL_ERROR_NONE) {
        if (tls->messages > 0)
            tls->messages--;
        return STREAM_OK;
    }
    *got = 0;
    if (code == SSL_ERROR_WANT_ASYNC) {
        tls->input.starved = true; /* nothing before the answer */
        return STREAM_AGAIN;
    }
    if (code == SSL_ERROR_ZERO_RETURN)
        return STREAM_END;
    if (code != SSL_ERROR_WANT_READ)
        return fail(tls);
    return tls->input.starved ? judge_socket(stream, tls) : STREAM_AGAIN;
}

/* A ticket has OpenSSL set up its buffers for both directions, and the other
 * one would stay until it is used: for a silent connection, for good. */
static void
release_buffers(struct tls_stream *tls)
{
    if (!SSL_has_pending(tls->ssl))
        SSL_free_buffers(tls->ssl);
}

/* True while another record may be had without waiting. */
static bool
may_go_on(const struct tls_stream *tls, enum stream_status status)
{
    return status == STREAM_OK ||
        (status == STREAM_AGAIN && !tls->input.starved &&
            tls->input.reads > 0);
}

/* Reads records until `size` bytes are there; perhaps by several recv(2), or the
 * sink would get one send(2) for each. */
static enum stream_status
read_records(struct stream *stream, struct tls_stream *tls, uint8_t *data,
    size_t size, size_t *got)
{
    enum stream_status status = STREAM_OK;

    for (int i = 0; i < RECORDS_PER_READ && *got < size &&
         may_go_on(tls, status); i++) {
        size_t n = 0;

        status = read_record(stream, tls, data + *got, size - *got, &n);
        *got += n;
        if ((status == STREAM_OK || status == STREAM_AGAIN) &&
            is_flood(stream, tls)) {
            keep_failure(tls, "flood of messages without data");
            tls->broken = true;
            return STREAM_FAILED;
        }
        if (status == STREAM_OK && *got < size &&
            tls_bio_is_dry(&tls->input)) {
            tls->input.starved = true;
            status = STREAM_AGAIN;
        }
    }
    return status;
}

static enum stream_status
tls_read(struct stream *stream, void *data, size_t size, size_t *got)
{
    struct tls_stream *tls = stream->state;
    enum stream_status status = tls->end;
    unsigned messages = tls->messages;

    tls_bio_begin(&tls->input);
    if (status == STREAM_OK)
        status = read_records(stream, tls, data, size, got);
    tls->starved = status == STREAM_AGAIN && tls->input.starved;
    if (status != STREAM_AGAIN)
        tls->end = status;
    if (tls->ticket_came)
        release_buffers(tls);
    tls->ticket_came = false;
    tls_bio_end(&tls->input);
    if (*got > 0)
        return STREAM_OK; /* how it ended is told by the next call */
    /* Behind tickets, say, a server's answer may wait. */
    if (tls->messages > messages && !tls->input.spoke)
        stream_acknowledge(stream);
    return status;
}

static bool
tls_has_input(const struct stream *stream)
{
    const struct tls_stream *tls = stream->state;

    return tls->end != STREAM_OK ||
        (!tls->starved && (buffer_length(&tls->input.left) > 0 ||
            SSL_has_pending(tls->ssl)));
}

/* While a message of the handshake protocol (a ticket, a KeyUpdate) is half
 * here, OpenSSL would read the other half within a write. */
static bool
tls_may_write(const struct stream *stream)
{
    const struct tls_stream *tls = stream->state;

    return !tls->established || tls->broken || !SSL_in_init(tls->ssl);
}

/* OpenSSL's own tickets at the end of the handshake would lie unread in a
 * client that only writes, and reset the tail of what it wrote when it closes:
 * so the ticket goes out with the first data, which the client will read. */
static void
send_ticket(struct tls_stream *tls)
{
    tls->ticket_due = false;
    if (SSL_version(tls->ssl) == TLS1_3_VERSION &&
        tls_limits_allow_ticket(tls->ssl) &&
        SSL_new_session_ticket(tls->ssl) != 1)
        ERR_clear_error(); /* no ticket is no harm */
}

static enum stream_status
tls_write(struct stream *stream, const void *data, size_t size)
{
    struct tls_stream *tls = stream->state;
    bool ticket = tls->ticket_due;
    size_t written;

    if (tls->broken)
        return STREAM_FAILED;
    if (ticket)
        send_ticket(tls);
    tls_bio_begin(&tls->input);
    ERR_clear_error();
    if (SSL_write_ex(tls->ssl, data, size, &written) != 1) {
        tls_bio_end(&tls->input); /* an alert, perhaps */
        return fail(tls);
    }
    assert(written == size); /* partial writes are not enabled */
    if (ticket)
        release_buffers(tls);
    return tls_bio_end(&tls->input);
}

static void
tls_finish(struct stream *stream)
{
    struct tls_stream *tls = stream->state;

    if (!tls->established || tls->broken || !tls_may_write(stream))
        return;
    tls_bio_begin(&tls->input);
    ERR_clear_error();
    if (SSL_shutdown(tls->ssl) < 0)
        ERR_clear_error();
    tls_bio_end(&tls->input);
}

bool
tls_stream_is_within_record(const struct stream *stream)
{
    const struct tls_stream *tls = stream->state;

    /* Of a record whose header alone is there OpenSSL has nothing pending, but
     * it reads a body. */
    return tls_stream_is_tls(stream) &&
        (buffer_length(&tls->input.left) > 0 || SSL_has_pending(tls->ssl) ||
            strcmp(SSL_rstate_string(tls->ssl), "RB") == 0);
}

bool
tls_stream_has_begun(const struct stream *stream)
{
    const struct tls_stream *tls = stream->state;

    return tls_stream_is_tls(stream) && tls->input.began;
}

const char *
tls_stream_failure(const struct stream *stream)
{
    const struct tls_stream *tls = stream->state;

    return tls_stream_is_tls(stream) ? tls->failure : NULL;
}

const char *
tls_stream_refusal(const struct stream *stream)
{
    const struct tls_stream *tls = stream->state;

    return tls_stream_is_tls(stream) && tls->renegotiated
        ? REFUSED
        : NULL;
}

bool
tls_stream_facts(const struct stream *stream, struct tls_facts *facts)
{
    const struct tls_stream *tls = stream->state;
    const unsigned char *alpn;
    unsigned length;

    if (!tls_stream_is_tls(stream) || !tls->established)
        return false;
    SSL_get0_alpn_selected(tls->ssl, &alpn, &length);
    *facts = (struct tls_facts){
        .version = SSL_get_version(tls->ssl),
        .cipher = SSL_get_cipher_name(tls->ssl),
        .sni = SSL_get_servername(tls->ssl, TLSEXT_NAMETYPE_host_name),
        .resumed = SSL_session_reused(tls->ssl),
    };
    /* At most 255 bytes (RFC 7301 3.1); a NUL among them cuts the text. */
    if (length > 0)
        memcpy(facts->alpn, alpn, length);
    return true;
}
