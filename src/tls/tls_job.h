/*
 * A handshake that may need a signature of a kept key: it runs as a job of
 * OpenSSL (ASYNC_start_job(3)), on a stack of its own, and pauses until the
 * signature is there.
 *
 * Jobs are bounded, and with them their stacks; a handshake that finds none
 * free waits in line for one.
 */
#ifndef TLS_TLS_JOB_H
#define TLS_TLS_JOB_H

#include <openssl/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "tls/tls_signer.h"

struct loop;
struct tls_job;

/* How many handshakes of a process may wait for a signature at the same time:
 * for each there is a stack of 32 KiB, of which a handshake uses up to 10. */
enum { TLS_JOBS_MAX = 256 };

/* Sets `ssl` up to be run as a job.  `wake` runs from the loop whenever a
 * handshake that was held may go on, and may free the job.  NULL: out of
 * memory. */
NODISCARD struct tls_job *tls_job_new(SSL *ssl, struct tls_signer *signer,
    struct loop *loop, void (*wake)(void *arg), void *arg);

/* SSL_do_handshake(3), as far as it goes now; `result` is its.  False: it is
 * held, waiting for a signature or a free job, and must be called again, which
 * is without effect before `wake`. */
NODISCARD bool tls_job_run(struct tls_job *job, int *result);

/* The handshake is done: from now on tls_job_run() looks, with SSL_peek_ex(3), for
 * data, and on the way answers a server that asks for a certificate only now
 * (RFC 8446 4.6.2).  It waits in no line, and `result` is that of SSL_peek_ex. */
void tls_job_read_on(struct tls_job *job);

/* True if the last run ended held. */
bool tls_job_is_held(const struct tls_job *job);

/* True if a signature was asked for and not given. */
bool tls_job_was_refused(const struct tls_job *job);

/* Makes a handshake that is held fail first, which writes to the BIO: the
 * caller drops what is written then.  Does not free the SSL. */
void tls_job_free(struct tls_job *job);

/* From within a handshake: the signature of its signer, which comes when it
 * comes.  False: refused, or `size` is too small, or this is no job. */
NODISCARD bool tls_job_sign(struct tls_signer *signer,
    const struct tls_sign_request *request, unsigned char *signature,
    size_t size, size_t *length);

#endif
