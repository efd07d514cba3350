/*
 * Private keys that another process holds: requests to it, and jobs that wait.
 *
 * A context that is given a signer loads certificates only.  Whenever a
 * handshake needs a signature it asks the signer, and waits without holding up
 * the loop: see tls_handshake_run().
 */
#ifndef TLS_TLS_SIGNER_H
#define TLS_TLS_SIGNER_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

enum {
    TLS_KEY_ID_BYTES = 32,
    TLS_SIGN_BYTES_MAX = 12 << 10, /* EdDSA signs the message itself: for a
                                    * client of TLS 1.2 all that was said */
    TLS_SIGNATURE_MAX = 2048,  /* RSA with 16384 bits */
};

/* Names a key: SHA-256 of its public half, as SubjectPublicKeyInfo in DER
 * (RFC 5280 4.1.2.7). */
struct tls_key_id {
    unsigned char bytes[TLS_KEY_ID_BYTES];
};

enum tls_sign_scheme {
    TLS_SIGN_RSA_PKCS1, /* RFC 8017 8.2 */
    TLS_SIGN_RSA_PSS,   /* RFC 8017 8.1, salt as long as the digest and MGF1
                         * with the same one, as TLS has it (RFC 8446 4.2.3) */
    TLS_SIGN_ECDSA,
    TLS_SIGN_EDDSA,
    TLS_SIGN_SCHEME_COUNT,
};

enum tls_sign_digest {
    TLS_DIGEST_NONE, /* EdDSA */
    TLS_DIGEST_SHA1, /* TLS 1.2, if the security level lets it pass */
    TLS_DIGEST_SHA224,
    TLS_DIGEST_SHA256,
    TLS_DIGEST_SHA384,
    TLS_DIGEST_SHA512,
    TLS_DIGEST_COUNT,
};

/* Whether `length` bytes can be signed so: a digest of its own length, or for
 * EdDSA a message. */
bool tls_sign_is_sound(enum tls_sign_scheme scheme,
    enum tls_sign_digest digest, size_t length);

struct tls_sign_request {
    struct tls_key_id key;
    enum tls_sign_scheme scheme;
    enum tls_sign_digest digest;
    const unsigned char *bytes; /* the digest; for EdDSA the message */
    size_t length;
};

/* One signature on its way.  It stays where it is until it is done or has been
 * cancelled. */
struct tls_signing {
    struct tls_sign_request request; /* its bytes live as long */

    /* Runs once, from the loop, never from start(). */
    void (*done)(struct tls_signing *signing);

    /* The answer. */
    size_t length; /* 0: there is no signature to be had */
    unsigned char signature[TLS_SIGNATURE_MAX];

    /* The signer's own. */
    TAILQ_ENTRY(tls_signing) entry;
    uint32_t number;
};

struct tls_asked;
struct tls_job;

/* Of tls_job.h: the handshakes of all keys of a signer, in turn. */
struct tls_jobs {
    SLIST_HEAD(, tls_asked) spare; /* memory of signatures that were made */
    struct tls_job *running; /* while OpenSSL is in its handshake */
    TAILQ_HEAD(, tls_job) line; /* those that wait for a free job */
    size_t paused;           /* how many wait for a signature */
    size_t peak;             /* the most of them since memory was given back */
};

/* A process has one, for OpenSSL's jobs are the process's. */
struct tls_signer {
    struct tls_jobs jobs; /* see tls_jobs_init() */

    /* Asks for a signature, which comes later, if need be much later: a
     * handshake has a timeout of its own. */
    void (*start)(struct tls_signer *signer, struct tls_signing *signing);

    /* Gives up waiting for a signature: done() will not run. */
    void (*cancel)(struct tls_signer *signer, struct tls_signing *signing);
};

/* For signers: to begin with; and at their end, which frees what is spare: nothing
 * may be under way. */
void tls_jobs_init(struct tls_jobs *jobs);
void tls_jobs_clear(struct tls_jobs *jobs);

/* For signers: gives the answer and calls done().  `length` 0, or more than
 * fits: refused. */
void tls_signing_answer(struct tls_signing *signing,
    const unsigned char *signature, size_t length);

#endif
