#include "tls/tls_session_cache.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tls/tls_session.h"

/* As many as may be connecting at once: each takes one, and brings a new one
 * only with the first data. */
enum { SESSIONS_MAX = 64 };

struct cached {
    SSL_SESSION *session;
    char *name; /* that the server was asked for by; NULL: none */
};

struct tls_session_cache {
    struct cached items[SESSIONS_MAX]; /* newest last */
    size_t count;
};

struct tls_session_cache *
tls_session_cache_new(void)
{
    return calloc(1, sizeof(struct tls_session_cache));
}

static void
remove_cached(struct tls_session_cache *resume, size_t index)
{
    struct cached *items = resume->items;

    SSL_SESSION_free(items[index].session);
    free(items[index].name);
    resume->count--;
    memmove(items + index, items + index + 1,
        (resume->count - index) * sizeof(*items));
}

void
tls_session_cache_free(struct tls_session_cache *resume)
{
    if (resume == NULL)
        return;
    while (resume->count > 0)
        remove_cached(resume, resume->count - 1);
    free(resume);
}

static const char *
name_of(const SSL *ssl)
{
    return SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
}

/* Without memory for its name the session is let go. */
void
tls_session_cache_keep(
    struct tls_session_cache *resume, const SSL *ssl, SSL_SESSION *session)
{
    const char *name = name_of(ssl);
    struct cached cached = { session, name != NULL ? strdup(name) : NULL };

    if (name != NULL && cached.name == NULL) {
        SSL_SESSION_free(session);
        return;
    }
    if (resume->count == SESSIONS_MAX)
        remove_cached(resume, 0);
    resume->items[resume->count++] = cached;
}

static bool
is_same_name(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
is_usable(const SSL_SESSION *session, const SSL_CTX *ctx)
{
    return SSL_SESSION_is_resumable(session) &&
        SSL_SESSION_get_time(session) + SSL_SESSION_get_timeout(session) >
        (long)time(NULL) && tls_session_is_alive(session, ctx);
}

/* The newest of that name; resume->count: there is none. */
static size_t
find_cached(const struct tls_session_cache *resume, const char *name)
{
    for (size_t i = resume->count; i-- > 0;)
        if (is_same_name(resume->items[i].name, name))
            return i;
    return resume->count;
}

void
tls_session_cache_offer(struct tls_session_cache *resume, SSL *ssl)
{
    size_t at;

    while ((at = find_cached(resume, name_of(ssl))) < resume->count) {
        SSL_SESSION *session = resume->items[at].session;
        bool usable = is_usable(session, SSL_get_SSL_CTX(ssl));
        bool reusable =
            SSL_SESSION_get_protocol_version(session) < TLS1_3_VERSION;

        if (usable)
            SSL_set_session(ssl, session);
        if (usable && reusable)
            return;
        remove_cached(resume, at);
        if (usable)
            return;
    }
}
