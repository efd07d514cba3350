/* Which keys open which session tickets. */
#include "tls/tls_ticket_keys.h"

#include <criterion/criterion.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include <string.h>
#include <time.h>

#include "base/error.h"
#include "handshake.h"
#include "pki.h"
#include "tls/tls_secret.h"

static struct pki leaf, rsa;
static char *file, *rsa_file;
static struct tls_ticket_secrets secret, other_secret, both;

enum { HOUR = 60 * 60 };
static time_t noon, now; /* the beginning of an hour; OpenSSL keeps the real time */

/* What the keys and sessions take for the time. */
time_t __wrap_time(time_t *out);
time_t __real_time(time_t *out);

time_t
__wrap_time(time_t *out)
{
    if (out != NULL)
        *out = now;
    return now;
}

static void
set_up(void)
{
    struct error error = { .count = 0 };

    handshake_log(pki_text("log", "", 0));
    leaf = pki_make(&(struct pki_spec){ .cn = "leaf" }, NULL);
    rsa = pki_make(&(struct pki_spec){ .cn = "rsa", .kind = "RSA" }, NULL);
    file = pki_both("leaf.pem", &leaf);
    rsa_file = pki_both("rsa.pem", &rsa);
    cr_assert(tls_secret_make(&secret.items[0], &error));
    cr_assert(tls_secret_make(&other_secret.items[0], &error));
    secret.count = other_secret.count = 1;
    both = (struct tls_ticket_secrets){
        .items = { other_secret.items[0], secret.items[0] }, .count = 2,
    };
    now = noon = __real_time(NULL) / HOUR * HOUR;
}

static void
tear_down(void)
{
    pki_free(&leaf);
    pki_free(&rsa);
    pki_clean();
}

TestSuite(tls_ticket_keys, .init = set_up, .fini = tear_down, .timeout = 60);

static struct tls_context *
make(const struct service_config *service, enum tls_role role,
    const struct tls_ticket_secrets *sealed_with)
{
    struct error error = { .count = 0 };
    struct tls_context *context =
        tls_context_new(service, role,
            &(struct tls_resources){ .tickets = sealed_with }, &error);

    cr_assert_not_null(context);
    cr_expect_eq(ERR_peek_error(), 0);
    return context;
}

static struct service_config
service_of(char *name, char **cert, unsigned depth)
{
    struct service_config service = {
        .name = name,
        .listen_leg = LEG(.cert = { cert, 1 }),
        .connect_leg = LEG(.verify = VERIFY_NONE),
    };

    service.listen_leg.verify_depth = depth;
    return service;
}

/* A session made with `first`. */
static SSL_SESSION *
session_of(const struct tls_context *client, const struct tls_context *first)
{
    struct handshake shake = handshake_between(client, first, NULL, NULL);
    SSL_SESSION *session;
    char byte;

    cr_assert(shake.client_done && shake.server_done);
    if (SSL_version(shake.server) == TLS1_3_VERSION)
        cr_expect_eq(SSL_new_session_ticket(shake.server), 1);
    SSL_write(shake.server, "x", 1);
    SSL_read(shake.client, &byte, 1);
    session = SSL_get1_session(shake.client);
    cr_assert(SSL_SESSION_is_resumable(session));
    /* OpenSSL gives up the session of a connection that was not closed. */
    SSL_set_shutdown(shake.client, SSL_SENT_SHUTDOWN);
    handshake_free(&shake);
    return session;
}

static bool
resumes(const struct service_config *first, const struct tls_ticket_secrets *its,
    const struct service_config *second, const struct tls_ticket_secrets *theirs,
    enum tls_version version)
{
    struct service_config dialling = *first;
    struct tls_context *client, *one, *two;
    struct handshake shake;
    SSL_SESSION *session;
    bool resumed;

    dialling.connect_leg.max_version = version;
    client = make(&dialling, TLS_CONNECT, NULL);
    one = make(first, TLS_ACCEPT, its);
    two = make(second, TLS_ACCEPT, theirs);
    session = session_of(client, one);
    shake = handshake_between(client, two, NULL, session);
    /* A ticket that cannot be opened is no fault: all is done in full. */
    resumed = shake.client_done && SSL_session_reused(shake.client) == 1;
    cr_expect_eq(resumed, SSL_session_reused(shake.server) == 1);
    handshake_free(&shake);
    SSL_SESSION_free(session);
    tls_context_free(client);
    tls_context_free(one);
    tls_context_free(two);
    return resumed;
}

/* Promise 7 */
Test(tls_ticket_keys, open_the_same_service_and_policy_only)
{
    static char web[] = "web", mail[] = "mail";
    const struct service_config own = service_of(web, &file, 5);
    const struct {
        const char *what;
        struct service_config second;
        const struct tls_ticket_secrets *its, *theirs;
        bool resumes;
    } cases[] = {
        { "the same", own, &secret, &secret, true },
        { "another name", service_of(mail, &file, 5), &secret, &secret,
            false },
        { "another depth", service_of(web, &file, 4), &secret, &secret,
            false },
        { "another certificate", service_of(web, &rsa_file, 5), &secret,
            &secret, false },
        { "another secret", own, &secret, &other_secret, false },
        { "another secret that knows it", own, &secret, &both, true },
        { "one that is not the first any more", own, &both, &secret, false },
        { "two of which the first seals", own, &both, &other_secret, true },
        { "no secret", own, NULL, NULL, false },
        { "a secret on one side", own, &secret, NULL, false },
    };
    static const enum tls_version versions[] = {
        TLS_VERSION_1_2, TLS_VERSION_1_3
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t j = 0; j < COUNT(versions); j++)
            cr_expect_eq(resumes(&own, cases[i].its, &cases[i].second,
                             cases[i].theirs, versions[j]),
                cases[i].resumes, "%s, %zu", cases[i].what, j);
}

/* Whether a ticket that is sealed at one time opens at another, seconds from a full
 * hour. */
static bool
opens(time_t sealed, time_t opened, enum tls_version version)
{
    static char web[] = "web";
    struct service_config own = service_of(web, &file, 5);
    struct tls_context *client, *one, *two;
    struct handshake shake;
    SSL_SESSION *session;
    bool resumed;

    own.connect_leg.max_version = version;
    client = make(&own, TLS_CONNECT, NULL);
    one = make(&own, TLS_ACCEPT, &secret);
    two = make(&own, TLS_ACCEPT, &secret);
    now = noon + sealed;
    session = session_of(client, one);
    now = noon + opened;
    shake = handshake_between(client, two, NULL, session);
    resumed = shake.client_done && SSL_session_reused(shake.server) == 1;
    handshake_free(&shake);
    SSL_SESSION_free(session);
    tls_context_free(client);
    tls_context_free(one);
    tls_context_free(two);
    return resumed;
}

Test(tls_ticket_keys, change_with_the_hour)
{
    static const struct { time_t sealed, opened; bool resumes; } cases[] = {
        { 0, 0, true },
        { 0, HOUR - 1, true },
        { HOUR - 1, HOUR, true },
        { 0, 2 * HOUR - 1, true },
        { 0, 2 * HOUR, false },
        { HOUR - 1, 2 * HOUR, false },
        { HOUR, HOUR - 1, true },       /* another machine's clock is ahead */
        { HOUR, HOUR - 200, true },
        { 2 * HOUR, HOUR - 1, false },
        { 0, 24 * HOUR, false },
    };
    static const enum tls_version versions[] = {
        TLS_VERSION_1_2, TLS_VERSION_1_3
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t j = 0; j < COUNT(versions); j++)
            cr_expect_eq(opens(cases[i].sealed, cases[i].opened, versions[j]),
                cases[i].resumes, "%zu, %zu", i, j);
}

/* The hint tells the client when the key is thrown away. */
Test(tls_ticket_keys, outlive_no_ticket)
{
    static char web[] = "web";
    struct service_config own = service_of(web, &file, 5);
    struct tls_context *context = make(&own, TLS_ACCEPT, &secret);
    struct tls_context *without = make(&own, TLS_ACCEPT, NULL);
    SSL_CTX *ctx = tls_context_ssl(context);

    cr_expect_eq(tls_ticket_keys_left(ctx, noon), 2 * HOUR);
    cr_expect_eq(tls_ticket_keys_left(ctx, noon + 1), 2 * HOUR - 1);
    cr_expect_eq(tls_ticket_keys_left(ctx, noon + HOUR - 1), HOUR + 1);
    cr_expect_eq(
        tls_ticket_keys_left(tls_context_ssl(without), noon), INT64_MAX);
    tls_context_free(context);
    tls_context_free(without);
}

/* In a process that serves meanwhile. */
static bool
is_resumed(const struct tls_context *client, const struct tls_context *server,
    SSL_SESSION *session)
{
    SSL_SESSION *copy = SSL_SESSION_dup(session); /* OpenSSL uses it up */
    struct handshake shake = handshake_between(client, server, NULL, copy);
    bool resumed = SSL_session_reused(shake.server) == 1;

    cr_expect(shake.client_done && shake.server_done);
    handshake_free(&shake);
    SSL_SESSION_free(copy);
    return resumed;
}

/* In a process that serves meanwhile. */
Test(tls_ticket_keys, change_with_the_secrets)
{
    static char web[] = "web";
    struct service_config own = service_of(web, &file, 5);
    struct tls_ticket_secrets changing = secret;
    struct tls_context *client = make(&own, TLS_CONNECT, NULL);
    struct tls_context *one = make(&own, TLS_ACCEPT, &changing);
    SSL_SESSION *session = session_of(client, one);

    cr_expect(is_resumed(client, one, session));
    changing = both;
    changing.version = 1;
    cr_expect(is_resumed(client, one, session));
    changing = other_secret;
    changing.version = 2;
    cr_expect_not(is_resumed(client, one, session));
    SSL_SESSION_free(session);
    tls_context_free(client);
    tls_context_free(one);
}

Test(tls_ticket_keys, refuses_an_id_that_is_too_long)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    unsigned char id[EVP_MAX_MD_SIZE + 1] = { 0 };

    cr_expect(tls_ticket_keys_use(ctx, &secret, id, EVP_MAX_MD_SIZE));
    cr_expect_not(tls_ticket_keys_use(ctx, &secret, id, sizeof(id)));
    SSL_CTX_free(ctx);
}
