#include "tls/tls_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "net/loop.h"
#include "tls/tls_admission.h"
#include "tls/tls_bio.h"
#include "tls/tls_context.h"
#include "tls/tls_handshake.h"
#include "tls/tls_identity.h"
#include "tls/tls_job.h"
#include "tls/tls_limits.h"
#include "tls/tls_session.h"
#include "tls/tls_state.h"
#include "tls/tls_verify.h"

enum {
    /* One wake-up reads no more records than this, however small they are. */
    RECORDS_PER_READ = 64,
    /* Messages of TLS itself (KeyUpdate, tickets, renegotiation) are met with
     * patience, but cost more than data does: so many more than records with
     * data are an attack. */
    MESSAGES_MAX = 1000,
    PENDING_MAX = 2 * LOOP_RECORDS_BYTES,
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

static void
tls_free(struct stream *stream)
{
    tls_state_free(stream->state);
}

bool
tls_stream_start(struct stream *stream, const struct tls_context *context,
    const struct tls_peer *peer)
{
    struct tls_state *tls = calloc(1, sizeof(*tls));
    SSL_CTX *ctx = tls_context_ssl(context);
    struct buffer before = { 0 };
    BIO *bio;

    if (tls == NULL)
        return false;
    tls->input.stream = stream;
    tls->ssl = SSL_new(ctx);
    bio = tls->ssl != NULL ? tls_bio_new(&tls->input) : NULL;
    if (bio == NULL)
        goto fail;
    SSL_set_bio(tls->ssl, bio, bio); /* one BIO, one reference: SSL_set_bio(3) */
    if (!tls_handshake_begin(tls, context, peer))
        goto fail;
    stream_take_back(stream, &before);
    tls_bio_take_back(&tls->input, &before);
    stream->ops = &tls_ops;
    stream->state = tls;
    return true;
fail:
    ERR_clear_error();
    tls_state_free(tls);
    return false;
}

bool
tls_stream_is_held(const struct stream *stream)
{
    const struct tls_state *tls = stream->state;

    return tls_stream_is_tls(stream) && tls_state_is_held(tls);
}

/* The peer may send messages, but not without end, and not while it leaves our
 * answers unread. */
static bool
is_flood(const struct stream *stream, const struct tls_state *tls)
{
    return tls->messages > MESSAGES_MAX ||
        (tls->messages > 0 && buffer_length(&stream->pending) > PENDING_MAX);
}

/* SSL_get_error()'s code; SSL_ERROR_WANT_ASYNC: it is held.  Only what comes in
 * front of data can need the job. */
static int
read_plaintext(struct tls_state *tls, uint8_t *data, size_t size, size_t *got)
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
read_tls_record(struct stream *stream, struct tls_state *tls, uint8_t *data,
    size_t size, size_t *got)
{
    int code;

    tls->input.filled = false;
    tls_bio_want(&tls->input, size);
    code = read_plaintext(tls, data, size, got);
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
        return tls_state_fail(tls);
    return tls->input.starved ? tls_state_judge_socket(stream, tls) : STREAM_AGAIN;
}

/* A ticket has OpenSSL set up its buffers for both directions, and the other
 * one would stay until it is used: for a silent connection, for good. */
static void
release_buffers(struct tls_state *tls)
{
    if (!SSL_has_pending(tls->ssl))
        SSL_free_buffers(tls->ssl);
}

/* True while another record may be had without waiting. */
static bool
may_go_on(const struct tls_state *tls, enum stream_status status)
{
    return status == STREAM_OK ||
        (status == STREAM_AGAIN && !tls->input.starved &&
            tls->input.reads > 0);
}

/* Reads records until `size` bytes are there; perhaps by several recv(2), or the
 * sink would get one send(2) for each. */
static enum stream_status
read_records(struct stream *stream, struct tls_state *tls, uint8_t *data,
    size_t size, size_t *got)
{
    enum stream_status status = STREAM_OK;

    for (int i = 0; i < RECORDS_PER_READ && *got < size &&
         may_go_on(tls, status); i++) {
        size_t n = 0;

        status = read_tls_record(stream, tls, data + *got, size - *got, &n);
        *got += n;
        if ((status == STREAM_OK || status == STREAM_AGAIN) &&
            is_flood(stream, tls)) {
            tls_state_keep_failure(tls, TLS_CAUSE_PROTOCOL_ERROR,
                "flood of messages without data");
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
    struct tls_state *tls = stream->state;
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
    const struct tls_state *tls = stream->state;

    return tls->end != STREAM_OK ||
        (!tls->starved && (buffer_length(&tls->input.left) > 0 ||
            SSL_has_pending(tls->ssl)));
}

/* While a message of the handshake protocol (a ticket, a KeyUpdate) is half
 * here, OpenSSL would read the other half within a write. */
static bool
tls_may_write(const struct stream *stream)
{
    const struct tls_state *tls = stream->state;

    return !tls->established || tls->broken || !SSL_in_init(tls->ssl);
}

/* OpenSSL's own tickets at the end of the handshake would lie unread in a
 * client that only writes, and reset the tail of what it wrote when it closes:
 * so the ticket goes out with the first data, which the client will read. */
static void
send_ticket(struct tls_state *tls)
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
    struct tls_state *tls = stream->state;
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
        return tls_state_fail(tls);
    }
    assert(written == size); /* partial writes are not enabled */
    if (ticket)
        release_buffers(tls);
    return tls_bio_end(&tls->input);
}

static void
tls_finish(struct stream *stream)
{
    struct tls_state *tls = stream->state;

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
    const struct tls_state *tls = stream->state;

    /* Of a record whose header alone is there OpenSSL has nothing pending, but
     * it reads a body. */
    return tls_stream_is_tls(stream) &&
        (buffer_length(&tls->input.left) > 0 || SSL_has_pending(tls->ssl) ||
            strcmp(SSL_rstate_string(tls->ssl), "RB") == 0);
}

bool
tls_stream_has_begun(const struct stream *stream)
{
    const struct tls_state *tls = stream->state;

    return tls_stream_is_tls(stream) && tls->input.began;
}

const char *
tls_stream_failure(const struct stream *stream)
{
    const struct tls_state *tls = stream->state;

    return tls_stream_is_tls(stream) ? tls->failure : NULL;
}

enum tls_cause
tls_stream_cause(const struct stream *stream)
{
    const struct tls_state *tls = stream->state;

    return tls_stream_is_tls(stream) && tls->failure != NULL ? tls->cause
                                                             : TLS_CAUSE_NONE;
}

const char *
tls_stream_refusal(const struct stream *stream)
{
    const struct tls_state *tls = stream->state;

    return tls_stream_is_tls(stream) && tls->renegotiated
        ? TLS_STATE_REFUSED
        : NULL;
}

bool
tls_stream_facts(const struct stream *stream, struct tls_facts *facts)
{
    const struct tls_state *tls = stream->state;
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
        .lacks_cert = tls->wants_cert && SSL_get_certificate(tls->ssl) == NULL,
    };
    /* At most 255 bytes (RFC 7301 3.1); a NUL among them cuts the text. */
    if (length > 0)
        memcpy(facts->alpn, alpn, length);
    return true;
}

bool
tls_stream_peer(const struct stream *stream, struct tls_identity *identity,
    enum tls_verified *verified)
{
    const struct tls_state *tls = stream->state;
    const X509 *cert;

    if (!tls_stream_is_tls(stream) || !tls->established)
        return false;
    cert = SSL_get0_peer_certificate(tls->ssl);
    if (cert == NULL)
        return false;
    tls_identity_read(cert, identity);
    *verified = tls_verify_extent(tls->ssl);
    return true;
}

const char *
tls_stream_rule(const struct stream *stream)
{
    const struct tls_state *tls = stream->state;
    const struct tls_admission *admission;
    size_t line;

    if (!tls_stream_is_tls(stream) || !tls->established)
        return NULL;
    admission = tls_admission_of(tls->ssl);
    line = tls_session_line(SSL_get0_session(tls->ssl));
    return admission != NULL && line > 0 && line <= admission->rules.count
        ? admission->rules.items[line - 1].text
        : NULL;
}
