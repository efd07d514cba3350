#include "tls/tls_session_cache.h"

#include <openssl/ssl.h>

#include <time.h>

#include <criterion/criterion.h>

#include "base/base.h"
#include "tls/tls_session.h"

enum {
    KEPT = 64, /* as tls_session_cache.c has it */
    LIFETIME = 1000,
};

static SSL_CTX *ctx;
static struct tls_session_cache *resume;
static SSL *ssl;

static void
set_up(void)
{
    ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_timeout(ctx, LIFETIME);
    resume = tls_session_cache_new();
    cr_assert_not_null(ctx);
    cr_assert_not_null(resume);
}

static void
tear_down(void)
{
    SSL_free(ssl);
    tls_session_cache_free(resume);
    SSL_CTX_free(ctx);
}

TestSuite(tls_session_cache, .init = set_up, .fini = tear_down);

/* A session that can be resumed for `seconds` from now; `mark` tells it from
 * others. */
static SSL_SESSION *
make_session(int version, long seconds, unsigned char mark)
{
    static const unsigned char secret[32] = { 1 };
    static const unsigned char tls_1_2[] = { 0xc0, 0x2b };
    static const unsigned char tls_1_3[] = { 0x13, 0x01 };
    SSL_SESSION *session = SSL_SESSION_new();
    SSL *finder = SSL_new(ctx);

    cr_assert_not_null(session);
    SSL_SESSION_set_protocol_version(session, version);
    SSL_SESSION_set_cipher(session, SSL_CIPHER_find(finder,
        version == TLS1_3_VERSION ? tls_1_3 : tls_1_2));
    SSL_SESSION_set1_master_key(session, secret, sizeof(secret));
    SSL_SESSION_set1_id(session, &mark, 1);
    SSL_SESSION_set_time(session, (long)time(NULL) - 100);
    SSL_SESSION_set_timeout(session, 100 + seconds);
    tls_session_set(session, (long)time(NULL) - 100, INT64_MAX);
    SSL_free(finder);
    return session;
}

static void
keep_session(SSL_SESSION *session, const char *name)
{
    SSL *bringer = SSL_new(ctx);

    cr_assert_not_null(bringer);
    if (name != NULL)
        cr_assert_eq(SSL_set_tlsext_host_name(bringer, name), 1);
    tls_session_cache_keep(resume, bringer, session);
    SSL_free(bringer);
}

static void
keep(int version, long seconds, unsigned char mark)
{
    keep_session(make_session(version, seconds, mark), NULL);
}

/* The mark of the session that is offered to the server of that name; -1: none. */
static int
offered_to(const char *name)
{
    const unsigned char *id;
    unsigned length;

    SSL_free(ssl);
    ssl = SSL_new(ctx);
    cr_assert_not_null(ssl);
    if (name != NULL)
        cr_assert_eq(SSL_set_tlsext_host_name(ssl, name), 1);
    tls_session_cache_offer(resume, ssl);
    if (SSL_get_session(ssl) == NULL)
        return -1;
    id = SSL_SESSION_get_id(SSL_get_session(ssl), &length);
    return length == 1 ? id[0] : -2;
}

static int
offered(void)
{
    return offered_to(NULL);
}

Test(tls_session_cache, offers_nothing_at_first)
{
    cr_expect_eq(offered(), -1);
}

Test(tls_session_cache, offers_the_newest_tls_1_3_session_once)
{
    for (unsigned char mark = 1; mark <= 3; mark++)
        keep(TLS1_3_VERSION, 100, mark);
    cr_expect_eq(offered(), 3);
    cr_expect_eq(offered(), 2);
    cr_expect_eq(offered(), 1);
    cr_expect_eq(offered(), -1);
}

Test(tls_session_cache, offers_a_tls_1_2_session_again)
{
    keep(TLS1_2_VERSION, 100, 1);
    for (int i = 0; i < 5; i++)
        cr_expect_eq(offered(), 1);
}

Test(tls_session_cache, passes_over_what_is_too_old)
{
    keep(TLS1_3_VERSION, 100, 1);
    keep(TLS1_3_VERSION, -1, 2);
    keep(TLS1_2_VERSION, -1, 3);
    cr_expect_eq(offered(), 1);
    cr_expect_eq(offered(), -1);
}

Test(tls_session_cache, passes_over_what_cannot_be_resumed)
{
    SSL_SESSION *session = make_session(TLS1_3_VERSION, 100, 2);

    keep(TLS1_3_VERSION, 100, 1);
    SSL_SESSION_set1_id(session, NULL, 0);
    keep_session(session, NULL);
    cr_expect_eq(offered(), 1);
}

/* Promise 42 towards servers: a session that the server renewed is as old as
 * the handshake in which its certificate was verified. */
Test(tls_session_cache, passes_over_what_was_verified_too_long_ago)
{
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    const int64_t now = time(NULL);
    const struct {
        int64_t began, ends;
        bool offered;
    } cases[] = {
        { now - 10, INT64_MAX, true },
        { now - LIFETIME + 100, now + 100, true },
        { now - LIFETIME - 1, INT64_MAX, false },
        { now - 10, now - 1, false },   /* chain or CRL has ended */
        { now - 10, 0, false },
        { now + 1000, INT64_MAX, false }, /* the clock was set back */
    };

    for (size_t i = 0; i < COUNT(cases) * COUNT(versions); i++) {
        SSL_SESSION *session = make_session(versions[i % 2], 100, 7);

        tls_session_set(session, cases[i / 2].began, cases[i / 2].ends);
        keep_session(session, NULL);
        cr_expect_eq(offered(), cases[i / 2].offered ? 7 : -1, "%zu", i);
        tls_session_cache_free(resume);
        resume = tls_session_cache_new();
    }
}

/* Promise 7: its certificate was verified for that name. */
Test(tls_session_cache, offers_sessions_of_the_same_name_only)
{
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

    for (size_t i = 0; i < COUNT(versions); i++) {
        keep_session(make_session(versions[i], 100, 1), "a.example");
        keep_session(make_session(versions[i], 100, 2), "b.example");
        keep_session(make_session(versions[i], 100, 3), NULL);
        cr_expect_eq(offered_to("c.example"), -1);
        cr_expect_eq(offered_to("a.example"), 1);
        cr_expect_eq(offered_to("b.example"), 2);
        cr_expect_eq(offered_to(NULL), 3);
        tls_session_cache_free(resume);
        resume = tls_session_cache_new();
    }
}

Test(tls_session_cache, keeps_the_newest_few)
{
    for (unsigned char mark = 1; mark <= KEPT + 20; mark++)
        keep(TLS1_3_VERSION, 100, mark);
    for (int i = 0; i < KEPT; i++)
        cr_expect_eq(offered(), KEPT + 20 - i);
    cr_expect_eq(offered(), -1);
}

Test(tls_session_cache, frees_nothing_and_all)
{
    tls_session_cache_free(NULL);
    keep(TLS1_2_VERSION, 100, 1);
    keep(TLS1_3_VERSION, 100, 2);
}
