/* How long sessions are resumed for, on both legs, while the clock goes on. */
#include "tls/tls_session.h"

#include <criterion/criterion.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <string.h>
#include <time.h>

#include "base/error.h"
#include "handshake.h"
#include "pki.h"
#include "tls/tls_session_cache.h"

enum { HOUR = 3600, DAY = 24 * HOUR };

static const enum tls_version versions[] = { TLS_VERSION_1_2, TLS_VERSION_1_3 };

static char service_name[] = "test";
static struct pki ca;
static char *ca_file;
static time_t ahead;

/* What tls_session.c takes for the time; OpenSSL keeps the real one. */
time_t __wrap_time(time_t *out);
time_t __real_time(time_t *out);

time_t
__wrap_time(time_t *out)
{
    time_t now = __real_time(NULL) + ahead;

    if (out != NULL)
        *out = now;
    return now;
}

static void
set_up(void)
{
    handshake_log("/dev/null");
    ahead = 0;
    ca = pki_ca("CA", NULL);
    ca_file = pki_cert("ca.pem", &ca);
}

static void
tear_down(void)
{
    pki_free(&ca);
    pki_clean();
}

TestSuite(tls_session, .init = set_up, .fini = tear_down, .timeout = 60);

/* Two legs that verify each other. */
struct legs {
    struct tls_context *client, *server;
};

struct terms {
    int server_days, client_days, ca_days; /* 0: a year */
    int crl_days; /* 0: no CRL */
    int lifetime_hours;
};

static char *
make_leaf(const char *cn, int days, const char *file)
{
    struct pki leaf = pki_make(&(struct pki_spec){ .cn = cn,
        .san = "DNS:a.example", .ends_days = days }, &ca);
    char *path = pki_both(file, &leaf);

    pki_free(&leaf);
    return path;
}

static struct tls_context *
make(const struct service_config *service, enum tls_role role)
{
    char messages[1024];
    struct tls_context *context =
        handshake_context(service, role, messages, sizeof(messages));

    cr_assert_not_null(context, "%s", messages);
    return context;
}

static struct legs
make_legs(const struct terms *terms, enum tls_version version)
{
    char *server = make_leaf("server", terms->server_days, "server.pem");
    char *client = make_leaf("client", terms->client_days, "client.pem");
    struct service_config service = { .name = service_name,
        .listen_leg = LEG(.cert = STRINGS(server), .verify = VERIFY_REQUIRED,
            .ca = STRINGS(ca_file)),
        .connect_leg = LEG(.cert = STRINGS(client), .ca = STRINGS(ca_file),
            .verify = VERIFY_REQUIRED) };
    struct legs legs;
    X509_CRL *crl = NULL;
    char *list = NULL;

    if (terms->crl_days > 0) {
        crl = pki_crl(&ca, NULL, terms->crl_days);
        list = pki_list("crl.pem", crl);
        service.listen_leg.crl = (struct strings){ &list, 1 };
        service.connect_leg.crl = (struct strings){ &list, 1 };
    }
    service.listen_leg.session_lifetime_ms =
        service.connect_leg.session_lifetime_ms =
        (uint64_t)terms->lifetime_hours * HOUR * 1000;
    service.connect_leg.max_version = version;
    legs.client = make(&service, TLS_CONNECT);
    legs.server = make(&service, TLS_ACCEPT);
    X509_CRL_free(crl);
    remove(server);
    remove(client);
    if (list != NULL)
        remove(list);
    return legs;
}

static void
free_legs(struct legs *legs)
{
    tls_context_free(legs->client);
    tls_context_free(legs->server);
}

/* One connection, as the streams do it, that offers *session (NULL: none) and
 * leaves the one that came of it there.  True: it was resumed. */
static bool
visit(const struct legs *legs, SSL_SESSION **session)
{
    struct handshake shake =
        handshake_between(legs->client, legs->server, "a.example", *session);
    bool resumed = SSL_session_reused(shake.server) == 1;
    char byte;

    cr_assert(shake.client_done && shake.server_done, "+%ld: %s %s",
        (long)ahead, shake.client_reason, shake.server_reason);
    tls_session_stamp(shake.client, SSL_get_session(shake.client));
    tls_session_stamp(shake.server, SSL_get_session(shake.server));
    if (SSL_version(shake.server) == TLS1_3_VERSION)
        cr_assert_eq(SSL_new_session_ticket(shake.server), 1);
    SSL_write(shake.server, "x", 1);
    SSL_read(shake.client, &byte, 1);
    SSL_SESSION_free(*session);
    *session = SSL_get1_session(shake.client);
    cr_assert(SSL_SESSION_is_resumable(*session));
    SSL_set_shutdown(shake.client, SSL_SENT_SHUTDOWN);
    handshake_free(&shake);
    cr_expect_eq(ERR_peek_error(), 0);
    return resumed;
}

struct life_case {
    const char *what;
    struct terms terms;
    int64_t still, over; /* seconds after the full handshake */
};

static const struct life_case cases[] = {
    { "the lifetime", { .lifetime_hours = 24 }, 23 * HOUR, DAY + 1 },
    { "another lifetime", { .lifetime_hours = 1 }, HOUR - 60, HOUR + 1 },
    { "the longest", { .lifetime_hours = 7 * 24 }, 7 * DAY - 60, 7 * DAY + 1 },
    { "a CRL", { .crl_days = 2, .lifetime_hours = 100 },
        2 * DAY - HOUR, 2 * DAY + HOUR },
};

/* Promise 42, by ticket: what a client shows to a listen leg. */
static void
check_tickets(const struct life_case *one, enum tls_version version)
{
    struct legs legs = make_legs(&one->terms, version);
    SSL_SESSION *session = NULL;

    ahead = 0;
    cr_expect_not(visit(&legs, &session));
    ahead = one->still / 2;
    cr_expect(visit(&legs, &session), "%s: half way", one->what);
    ahead = one->still;
    cr_expect(visit(&legs, &session), "%s: near the end", one->what);
    ahead = one->over;
    cr_expect_not(visit(&legs, &session), "%s: after the end", one->what);
    SSL_SESSION_free(session);
    free_legs(&legs);
}

/* Promises 9 and 42 */
Test(tls_session, no_ticket_is_good_for_longer_than_its_full_handshake)
{
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t j = 0; j < COUNT(versions); j++)
            check_tickets(&cases[i], versions[j]);
}

/* Promise 9 */
Test(tls_session, no_ticket_outlives_the_certificate_of_its_client)
{
    const struct life_case one = { "the client's certificate",
        { .client_days = 3, .lifetime_hours = 100 },
        3 * DAY - HOUR, 3 * DAY + HOUR };

    for (size_t j = 0; j < COUNT(versions); j++)
        check_tickets(&one, versions[j]);
}

/* Promise 9: a client that resumes does not see the certificate again. */
Test(tls_session, no_ticket_outlives_the_certificate_of_its_server)
{
    const struct life_case one = { "the server's certificate",
        { .server_days = 3, .lifetime_hours = 100 },
        3 * DAY - HOUR, 3 * DAY + HOUR };

    for (size_t j = 0; j < COUNT(versions); j++)
        check_tickets(&one, versions[j]);
}

static bool
would_offer(SSL_SESSION *session, const struct legs *legs)
{
    struct tls_session_cache *resume = tls_session_cache_new();
    SSL *ssl = SSL_new(tls_context_ssl(legs->client));
    bool offers;

    SSL_SESSION_up_ref(session);
    tls_session_cache_keep(resume, ssl, session);
    tls_session_cache_offer(resume, ssl);
    offers = SSL_get_session(ssl) != NULL;
    SSL_free(ssl);
    tls_session_cache_free(resume);
    return offers;
}

/* Promise 42 towards servers: what a connect leg offers. */
static void
check_offers(const struct life_case *one, enum tls_version version)
{
    struct legs legs = make_legs(&one->terms, version);
    SSL_SESSION *session = NULL;

    ahead = 0;
    cr_expect_not(visit(&legs, &session));
    ahead = one->still / 2;
    cr_expect(visit(&legs, &session)); /* the server renews it */
    ahead = one->still;
    cr_expect(would_offer(session, &legs), "%s: near the end", one->what);
    ahead = one->over;
    cr_expect_not(would_offer(session, &legs), "%s: after it", one->what);
    SSL_SESSION_free(session);
    free_legs(&legs);
}

/* Promises 9 and 42 */
Test(tls_session, no_session_is_offered_for_longer_than_its_full_handshake)
{
    const struct life_case server = { "the server's certificate",
        { .client_days = 1, .server_days = 2, .lifetime_hours = 100 },
        2 * DAY - HOUR, 2 * DAY + HOUR };

    for (size_t j = 0; j < COUNT(versions); j++) {
        check_offers(&server, versions[j]);
        for (size_t i = 0; i < COUNT(cases); i++)
            check_offers(&cases[i], versions[j]);
    }
}

/* Promise 42 */
Test(tls_session, an_authority_that_ends_first_ends_the_session)
{
    struct pki root = ca;
    const struct life_case one = { "the authority's certificate",
        { .lifetime_hours = 100 }, 2 * DAY - HOUR, 2 * DAY + HOUR };

    ca = pki_make(&(struct pki_spec){ .cn = "Short CA",
        .constraints = "critical,CA:TRUE", .ends_days = 2 }, NULL);
    ca_file = pki_cert("short.pem", &ca);
    for (size_t j = 0; j < COUNT(versions); j++) {
        check_tickets(&one, versions[j]);
        check_offers(&one, versions[j]);
    }
    pki_free(&root);
}

Test(tls_session, what_was_not_verified_has_its_lifetime_only)
{
    SSL_SESSION *session = SSL_SESSION_new();

    cr_expect_eq(tls_session_remaining(session, 1000, 500), 0, "no life");
    tls_session_set(session, 1000, INT64_MAX);
    cr_expect_eq(tls_session_remaining(session, 1000, 500), 500);
    cr_expect_eq(tls_session_remaining(session, 1400, 500), 100);
    cr_expect_eq(tls_session_remaining(session, 1500, 500), 0);
    cr_expect_eq(tls_session_remaining(session, 700, 500), 500, "ahead");
    cr_expect_eq(tls_session_remaining(session, 699, 500), 0, "set back");
    tls_session_set(session, 1000, 1100);
    cr_expect_eq(tls_session_remaining(session, 1000, 500), 100);
    cr_expect_eq(tls_session_remaining(session, 1100, 500), 0);
    SSL_SESSION_set1_ticket_appdata(session, "short", 5);
    cr_expect_eq(tls_session_remaining(session, 1000, 500), 0, "not ours");
    SSL_SESSION_free(session);
}
