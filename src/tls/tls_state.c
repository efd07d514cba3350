#include "tls/tls_state.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls/tls_failure.h"
#include "tls/tls_job.h"

bool
tls_state_is_held(const struct tls_state *tls)
{
    return tls->job != NULL && tls_job_is_held(tls->job);
}

void
tls_state_drop_job(struct tls_state *tls)
{
    if (tls->job == NULL)
        return;
    tls->input.severed = tls_job_is_held(tls->job);
    tls->broken |= tls->input.severed;
    tls_job_free(tls->job);
    tls->job = NULL;
    ERR_clear_error();
}

void
tls_state_free(struct tls_state *tls)
{
    tls_state_drop_job(tls);
    /* Without this OpenSSL takes the session for a failed one and never
     * resumes it; an abort says what it has to say by its reset. */
    if (tls->established && !tls->broken)
        SSL_set_shutdown(tls->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(tls->ssl);
    buffer_clear(&tls->input.left);
    free(tls->failure);
    free(tls);
}

void
tls_state_keep_failure(
    struct tls_state *tls, enum tls_cause cause, const char *text)
{
    if (tls->failure != NULL)
        return;
    tls->failure = strdup(text);
    tls->cause = cause;
}

void
tls_state_keep_end(
    struct tls_state *tls, enum tls_cause cause, const char *text)
{
    char whole[TLS_FAILURE_SIZE + sizeof(TLS_STATE_REFUSED) +
        sizeof("; then: ")];

    snprintf(whole, sizeof(whole), "%s%s%s",
        tls->renegotiated ? TLS_STATE_REFUSED : "",
        tls->renegotiated ? "; then: " : "", text);
    tls_state_keep_failure(tls, cause, whole);
}

enum stream_status
tls_state_fail(struct tls_state *tls)
{
    char text[TLS_FAILURE_SIZE];
    enum tls_cause cause;

    tls->broken = true;
    if (tls->job != NULL && tls_job_was_refused(tls->job))
        tls_state_keep_failure(
            tls, TLS_CAUSE_NO_SIGNATURE, "the keeper made no signature");
    cause = tls_failure_describe(
        tls->ssl, tls->input.protocol, tls->established, text);
    tls_state_keep_end(tls, cause, text);
    if (tls->input.protocol == PROTOCOL_HTTP && SSL_is_server(tls->ssl))
        (void)!stream_send(tls->input.stream, tls_failure_http_answer,
            strlen(tls_failure_http_answer));
    return STREAM_FAILED;
}

enum stream_status
tls_state_judge_socket(const struct stream *stream, struct tls_state *tls)
{
    if (stream->error != 0) {
        tls_state_keep_end(tls, TLS_CAUSE_CLOSED, strerror(stream->error));
        return STREAM_RESET;
    }
    if (tls->input.ended) {
        tls_state_keep_end(tls, TLS_CAUSE_CLOSED,
            "the peer closed without close_notify");
        return STREAM_TRUNCATED;
    }
    return STREAM_AGAIN;
}
