#include "handshake.h"

#include <openssl/err.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/log.h"
#include "files/files.h"
#include "tls/tls_error.h"
#include "tls/tls_files.h"
#include "tls/tls_shared.h"
#include "tls/tls_verify.h"

enum { TURNS = 50 };

void
handshake_log(const char *path)
{
    struct error error = { .count = 0 };

    if (!log_open(LOG_FILE, path, LOG_TEXT, LOG_LEVEL_DEBUG, &error))
        abort();
}

static struct tls_context *
context_of(const struct service_config *service, enum tls_role role,
    struct tls_shared *shared, char *messages, size_t size)
{
    const struct tls_resources resources = { .shared = shared };
    struct error error = { .count = 0 };
    struct tls_context *context =
        tls_context_new(service, role, &resources, &error);
    size_t length = 0;

    messages[0] = '\0';
    for (size_t i = 0; i < error.count && length < size; i++)
        length += (size_t)snprintf(messages + length, size - length, "%s\n",
            error.messages[i]);
    error_clear(&error);
    return context;
}

/* Takes `files`; what a bundle of them says. */
static struct files *
pack(struct files *files)
{
    struct error error = { .count = 0 };
    int fd = files_pack(files, &error);
    struct files *packed = fd >= 0 ? files_in_bundle(fd, -1, &error) : NULL;

    cr_assert_not_null(packed);
    close(fd);
    files_unref(files);
    return packed;
}

struct tls_context *
handshake_context(const struct service_config *service, enum tls_role role,
    char *messages, size_t size)
{
    struct endpoint tls = { .tls = true };
    struct service_config copy = *service;
    struct config config = { .services = &copy, .service_count = 1 };
    struct tls_context *plain, *packed, *second;
    struct tls_shared *shared = tls_shared_new(true);
    char *again = malloc(size);

    cr_assert_not_null(again);
    plain = context_of(service, role, NULL, messages, size);
    copy.config = &config;
    *(role == TLS_ACCEPT ? &copy.listen : &copy.connect) =
        (struct endpoints){ &tls, 1 };
    config.files = files_on_disk();
    cr_assert_not_null(config.files);
    tls_files_gather(&config);
    config.files = pack(config.files);
    packed = context_of(&copy, role, shared, again, size);
    cr_assert_str_eq(again, messages);
    second = context_of(&copy, role, shared, again, size);
    cr_assert_str_eq(again, messages);
    cr_assert_eq(plain == NULL, packed == NULL);
    cr_assert_eq(plain == NULL, second == NULL);
    tls_context_free(plain);
    tls_context_free(packed);
    tls_shared_free(shared);
    files_unref(config.files);
    free(again);
    return second;
}

static struct tls_context *
must_make(const struct service_config *service, enum tls_role role)
{
    char messages[4096];
    struct tls_context *context = handshake_context(service, role, messages,
        sizeof(messages));

    if (context == NULL) {
        fprintf(stderr, "%s", messages);
        abort();
    }
    return context;
}

static bool
is_address(const char *name)
{
    unsigned char address[16];

    return inet_pton(AF_INET, name, address) == 1 ||
        inet_pton(AF_INET6, name, address) == 1;
}

static void
begin(struct handshake *shake, const struct tls_context *client,
    const struct tls_context *server, const char *name, SSL_SESSION *session)
{
    BIO *near, *far;

    shake->client = SSL_new(tls_context_ssl(client));
    shake->server = SSL_new(tls_context_ssl(server));
    if (BIO_new_bio_pair(&near, 0, &far, 0) != 1)
        abort();
    SSL_set_bio(shake->client, near, near);
    SSL_set_bio(shake->server, far, far);
    SSL_set_connect_state(shake->client);
    SSL_set_accept_state(shake->server);
    if (name != NULL && !tls_verify_expect(shake->client, name))
        abort();
    if (name != NULL && !is_address(name))
        SSL_set_tlsext_host_name(shake->client, name);
    if (session != NULL && SSL_set_session(shake->client, session) != 1)
        abort();
}

static void
step(SSL *ssl, bool *done, char *fault, char *reason)
{
    int result, error;
    char byte;

    if (reason[0] != '\0')
        return;
    ERR_clear_error();
    /* Reading as well shows the alert that comes after the client's end. */
    result = *done ? SSL_read(ssl, &byte, 1) : SSL_do_handshake(ssl);
    error = SSL_get_error(ssl, result);
    if (result == 1)
        *done = true;
    else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        *done = false;
        tls_error_reason(reason, 256);
        tls_verify_failure(ssl, fault, 1200);
    }
}

static void
shake_hands(struct handshake *shake)
{
    for (int i = 0; i < TURNS; i++) {
        step(shake->client, &shake->client_done, shake->client_fault,
            shake->client_reason);
        step(shake->server, &shake->server_done, shake->server_fault,
            shake->server_reason);
    }
}

struct handshake
handshake_between(const struct tls_context *client,
    const struct tls_context *server, const char *name, SSL_SESSION *session)
{
    struct handshake shake = { .client = NULL };

    begin(&shake, client, server, name, session);
    shake_hands(&shake);
    return shake;
}

struct handshake
handshake_asking(const struct tls_context *client,
    const struct tls_context *server, const char *sni, SSL_SESSION *session)
{
    struct handshake shake = { .client = NULL };

    begin(&shake, client, server, NULL, session);
    if (sni != NULL && SSL_set_tlsext_host_name(shake.client, sni) != 1)
        abort();
    shake_hands(&shake);
    return shake;
}

struct handshake
handshake_run(const struct service_config *service, const char *name)
{
    struct tls_context *client = must_make(service, TLS_CONNECT);
    struct tls_context *server = must_make(service, TLS_ACCEPT);
    struct handshake shake = handshake_between(client, server, name, NULL);

    /* Nothing that reads the result calls back into the contexts. */
    tls_context_free(client);
    tls_context_free(server);
    return shake;
}

void
handshake_free(struct handshake *shake)
{
    SSL_free(shake->client);
    SSL_free(shake->server);
    *shake = (struct handshake){ .client = NULL };
}
