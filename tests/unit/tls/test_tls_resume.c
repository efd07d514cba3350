#include "tls/tls_resume.h"

#include <openssl/ssl.h>

#include <time.h>

#include <criterion/criterion.h>


enum { KEPT = 64 }; /* as tls_resume.c has it */

static SSL_CTX *ctx;
static struct tls_resume *resume;
static SSL *ssl;

static void
set_up(void)
{
    ctx = SSL_CTX_new(TLS_client_method());
    resume = tls_resume_new();
    cr_assert_not_null(ctx);
    cr_assert_not_null(resume);
}

static void
tear_down(void)
{
    SSL_free(ssl);
    tls_resume_free(resume);
    SSL_CTX_free(ctx);
}

TestSuite(tls_resume, .init = set_up, .fini = tear_down);

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
    SSL_free(finder);
    return session;
}

static void
keep(int version, long seconds, unsigned char mark)
{
    tls_resume_keep(resume, make_session(version, seconds, mark));
}

/* The mark of the session that is offered; -1: none. */
static int
offered(void)
{
    const unsigned char *id;
    unsigned length;

    SSL_free(ssl);
    ssl = SSL_new(ctx);
    cr_assert_not_null(ssl);
    tls_resume_offer(resume, ssl);
    if (SSL_get_session(ssl) == NULL)
        return -1;
    id = SSL_SESSION_get_id(SSL_get_session(ssl), &length);
    return length == 1 ? id[0] : -2;
}

Test(tls_resume, offers_nothing_at_first)
{
    cr_expect_eq(offered(), -1);
}

Test(tls_resume, offers_the_newest_tls_1_3_session_once)
{
    for (unsigned char mark = 1; mark <= 3; mark++)
        keep(TLS1_3_VERSION, 100, mark);
    cr_expect_eq(offered(), 3);
    cr_expect_eq(offered(), 2);
    cr_expect_eq(offered(), 1);
    cr_expect_eq(offered(), -1);
}

Test(tls_resume, offers_a_tls_1_2_session_again)
{
    keep(TLS1_2_VERSION, 100, 1);
    for (int i = 0; i < 5; i++)
        cr_expect_eq(offered(), 1);
}

Test(tls_resume, passes_over_what_is_too_old)
{
    keep(TLS1_3_VERSION, 100, 1);
    keep(TLS1_3_VERSION, -1, 2);
    keep(TLS1_2_VERSION, -1, 3);
    cr_expect_eq(offered(), 1);
    cr_expect_eq(offered(), -1);
}

Test(tls_resume, passes_over_what_cannot_be_resumed)
{
    SSL_SESSION *session = make_session(TLS1_3_VERSION, 100, 2);

    keep(TLS1_3_VERSION, 100, 1);
    SSL_SESSION_set1_id(session, NULL, 0);
    tls_resume_keep(resume, session);
    cr_expect_eq(offered(), 1);
}

Test(tls_resume, keeps_the_newest_few)
{
    for (unsigned char mark = 1; mark <= KEPT + 20; mark++)
        keep(TLS1_3_VERSION, 100, mark);
    for (int i = 0; i < KEPT; i++)
        cr_expect_eq(offered(), KEPT + 20 - i);
    cr_expect_eq(offered(), -1);
}

Test(tls_resume, frees_nothing_and_all)
{
    tls_resume_free(NULL);
    keep(TLS1_2_VERSION, 100, 1);
    keep(TLS1_3_VERSION, 100, 2);
}
