#include "tls/tls_session_cache.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tls/tls_session.h"

/* As many as may be connecting at once: each takes one, and brings a new one
 * only with the first data. */
enum { SESSIONS_MAX = 64 };

struct tls_session_cache {
    SSL_SESSION *sessions[SESSIONS_MAX]; /* newest last */
    size_t count;
};

struct tls_session_cache *
tls_session_cache_new(void)
{
    return calloc(1, sizeof(struct tls_session_cache));
}

void
tls_session_cache_free(struct tls_session_cache *resume)
{
    if (resume == NULL)
        return;
    while (resume->count > 0)
        SSL_SESSION_free(resume->sessions[--resume->count]);
    free(resume);
}

void
tls_session_cache_keep(struct tls_session_cache *resume, SSL_SESSION *session)
{
    if (resume->count == SESSIONS_MAX) {
        SSL_SESSION_free(resume->sessions[0]);
        resume->count--;
        memmove(resume->sessions, resume->sessions + 1,
            resume->count * sizeof(resume->sessions[0]));
    }
    resume->sessions[resume->count++] = session;
}

static bool
is_usable(const SSL_SESSION *session, const SSL_CTX *ctx)
{
    return SSL_SESSION_is_resumable(session) &&
        SSL_SESSION_get_time(session) + SSL_SESSION_get_timeout(session) >
        (long)time(NULL) && tls_session_is_alive(session, ctx);
}

void
tls_session_cache_offer(struct tls_session_cache *resume, SSL *ssl)
{
    while (resume->count > 0) {
        SSL_SESSION *session = resume->sessions[resume->count - 1];
        bool usable = is_usable(session, SSL_get_SSL_CTX(ssl));
        bool reusable =
            SSL_SESSION_get_protocol_version(session) < TLS1_3_VERSION;

        if (usable)
            SSL_set_session(ssl, session);
        if (usable && reusable)
            return;
        SSL_SESSION_free(session);
        resume->count--;
        if (usable)
            return;
    }
}
