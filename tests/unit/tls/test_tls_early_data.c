/* Early data (RFC 8446 4.2.10) from clients that have another server's ticket:
 * it is skipped, and what follows is served.  Promise 13. */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <string.h>

#include <criterion/criterion.h>

#include "far.h"
#include "net/wire.h"
#include "pki.h"
#include "tls/tls_handshake.h"
#include "tls/tls_stream.h"

enum { TURNS = 50, SERVER_HELLO = 2, MORE_THAN_SKIPPED = 1 << 20 };

static const struct far_case accept_1_3 = { TLS_ACCEPT, TLS1_3_VERSION };

static struct far far;
static SSL_SESSION *ticket; /* of the other server */
static int hellos;          /* from the server; two: it asked for a retry */
static uint8_t bytes[16384];

/* A server sends several tickets; the first is kept. */
static int
keep_ticket(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    if (ticket != NULL)
        return 0;
    ticket = session;
    return 1;
}

static SSL_CTX *
make_other(const SSL_METHOD *method)
{
    SSL_CTX *ctx = SSL_CTX_new(method);

    cr_assert_not_null(ctx);
    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    SSL_CTX_set_session_cache_mode(
        ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, keep_ticket);
    return ctx;
}

/* A client visits a server that allows early data, and keeps its ticket. */
static void
visit_other_server(void)
{
    struct pki self = pki_ca("another server", NULL);
    SSL_CTX *ctx = make_other(TLS_server_method());
    SSL_CTX *client_ctx = make_other(TLS_client_method());
    SSL *server, *client;
    BIO *near, *far_bio;
    uint8_t byte;

    cr_assert_eq(SSL_CTX_use_certificate(ctx, self.cert), 1);
    cr_assert_eq(SSL_CTX_use_PrivateKey(ctx, self.key), 1);
    SSL_CTX_set_max_early_data(ctx, UINT32_MAX);
    server = SSL_new(ctx);
    client = SSL_new(client_ctx);
    cr_assert_eq(BIO_new_bio_pair(&near, 0, &far_bio, 0), 1);
    SSL_set_bio(client, near, near);
    SSL_set_bio(server, far_bio, far_bio);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    for (int i = 0; i < TURNS && ticket == NULL; i++) {
        (void)!SSL_read(client, &byte, 1);
        (void)!SSL_do_handshake(server);
    }
    cr_assert_not_null(ticket);
    SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(client_ctx);
    SSL_CTX_free(ctx);
    pki_free(&self);
    ERR_clear_error();
}

static void
set_up(void)
{
    far_set_up();
    ticket = NULL;
    hellos = 0;
    visit_other_server();
}

static void
tear_down(void)
{
    SSL_SESSION_free(ticket);
    far_tear_down();
}

TestSuite(tls_early_data, .init = set_up, .fini = tear_down, .timeout = 60);

static void
count_hellos(int is_write, int version, int type, const void *data,
    size_t length, SSL *ssl, void *arg)
{
    const uint8_t *message = data;

    (void)version, (void)ssl, (void)arg;
    if (!is_write && type == SSL3_RT_HANDSHAKE && length > 0)
        hellos += message[0] == SERVER_HELLO;
}

/* Sends `total` bytes of early data in records of `each`, as long as the
 * stream's handshake goes on; returns how that stands. */
static enum stream_status
send_early(size_t each, size_t total, const char *groups)
{
    enum stream_status status = STREAM_AGAIN;
    size_t written;

    far_open(&far, &accept_1_3, wire_unix);
    SSL_set_msg_callback(far.ssl, count_hellos);
    cr_assert_eq(SSL_set1_groups_list(far.ssl, groups), 1);
    SSL_SESSION_up_ref(ticket);
    cr_assert_eq(SSL_set_session(far.ssl, ticket), 1);
    SSL_SESSION_free(ticket);
    for (size_t sent = 0; sent < total && status == STREAM_AGAIN;
         sent += each) {
        cr_assert_eq(
            SSL_write_early_data(far.ssl, bytes, each, &written), 1);
        far_send_all(&far);
        do
            status = tls_handshake_run(&far.stream);
        while (status == STREAM_AGAIN && stream_has_input(&far.stream));
    }
    return status;
}

static void
expect_served(void)
{
    uint8_t data[100];
    size_t got;

    far_write(&far, "after", 5);
    far_send_all(&far);
    (void)far_drain(&far, data, sizeof(data), &got);
    cr_expect_eq(got, 5);
    cr_expect_arr_eq(data, "after", 5);
}

Test(tls_early_data, of_another_servers_ticket_is_skipped)
{
    static const struct {
        const char *groups;
        size_t each, total;
        int hellos;
    } cases[] = {
        { "X25519", 1, 1, 1 },
        { "X25519", 4000, 4000, 1 },
        { "X25519", 16384, 16384, 1 },
        { "X25519", 10, 10000, 1 },
        { "X25519", 16384, 150000, 1 },
        { "ffdhe4096:X25519", 4000, 4000, 2 },
        { "ffdhe4096:X25519", 100, 60000, 2 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        hellos = 0;
        cr_assert_eq(
            send_early(cases[i].each, cases[i].total, cases[i].groups),
            STREAM_AGAIN, "case %zu: %s", i, tls_stream_failure(&far.stream));
        far_shake(&far);
        cr_expect_eq(
            SSL_get_early_data_status(far.ssl), SSL_EARLY_DATA_REJECTED);
        cr_expect_eq(hellos, cases[i].hellos, "case %zu", i);
        expect_served();
        far_close(&far);
    }
}

Test(tls_early_data, is_not_skipped_without_end)
{
    cr_expect_eq(
        send_early(sizeof(bytes), MORE_THAN_SKIPPED, "X25519"),
        STREAM_FAILED);
    cr_expect_not_null(
        strstr(tls_stream_failure(&far.stream), "early data"));
    far_close(&far);
}
