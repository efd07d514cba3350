#include "talker.h"

#include <sys/socket.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "net/wire.h"

enum {
    PIECE = 20000,
    WAITING_MAX = 60000, /* of TLS, before it is sent */
};

static uint8_t data[512 << 10];

static size_t
at_most(size_t n)
{
    return 1 + (size_t)random() % n;
}

static size_t
lesser(size_t a, size_t b)
{
    return a < b ? a : b;
}

void
talker_start(struct talker *talker, int fd, uint64_t bulk, SSL_CTX *ctx,
    int version)
{
    *talker = (struct talker){ .fd = fd, .bulk = bulk, .piece = PIECE };
    if (ctx == NULL)
        return;
    talker->ssl = SSL_new(ctx);
    cr_assert_not_null(talker->ssl);
    SSL_set_min_proto_version(talker->ssl, version);
    SSL_set_max_proto_version(talker->ssl, version);
    SSL_set_bio(talker->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (SSL_is_server(talker->ssl))
        SSL_set_accept_state(talker->ssl);
    else
        SSL_set_connect_state(talker->ssl);
    SSL_do_handshake(talker->ssl);
}

void
talker_free(struct talker *talker)
{
    SSL_free(talker->ssl);
    talker->ssl = NULL;
    if (talker->fd >= 0)
        close(talker->fd);
    talker->fd = -1;
}

bool
talker_is_told(const struct talker *talker)
{
    return talker->ended || talker->gone;
}

static void
leave(struct talker *talker)
{
    close(talker->fd);
    talker->fd = -1;
    talker->gone = true;
    ERR_clear_error();
}

static size_t
send_some(struct talker *talker, const void *bytes, size_t size)
{
    ssize_t n = send(talker->fd, bytes, size, MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN)
        talker->broken = true; /* what came before can still be heard */
    return n > 0 ? (size_t)n : 0;
}

void
talker_send(struct talker *talker, size_t most)
{
    char *waiting;
    size_t length, sent;

    if (talker->ssl == NULL || talker->fd < 0 || talker->shut)
        return;
    length = (size_t)BIO_get_mem_data(SSL_get_wbio(talker->ssl), &waiting);
    if (length == 0)
        return;
    sent = send_some(
        talker, waiting, lesser(lesser(length, most), sizeof(data)));
    if (sent > 0)
        BIO_read(SSL_get_wbio(talker->ssl), data, (int)sent);
}

static void
say_tls(struct talker *talker, size_t size)
{
    if (!SSL_is_init_finished(talker->ssl) ||
        BIO_pending(SSL_get_wbio(talker->ssl)) > WAITING_MAX)
        return;
    cr_assert_eq(SSL_write(talker->ssl, data, (int)size), (int)size);
    talker->written += size;
    if (SSL_version(talker->ssl) != TLS1_3_VERSION || random() % 20 > 0)
        return;
    SSL_key_update(talker->ssl, SSL_KEY_UPDATE_REQUESTED);
    SSL_do_handshake(talker->ssl); /* writes it */
}

static void
say(struct talker *talker, size_t size)
{
    if (size > talker->bulk - talker->written)
        size = (size_t)(talker->bulk - talker->written);
    if (size == 0 || talker->finished || talker->fd < 0)
        return;
    wire_fill(data, talker->written, size);
    if (talker->ssl == NULL)
        talker->written += send_some(talker, data, size);
    else
        say_tls(talker, size);
}

static void
check_heard(struct talker *talker, size_t size)
{
    cr_assert(wire_matches(data, talker->received, size));
    talker->received += size;
}

static void
on_plain(struct talker *talker, ssize_t n)
{
    if (n > 0)
        check_heard(talker, (size_t)n);
    else if (n == 0 && talker->broken)
        leave(talker); /* sending has taken the error: it was a reset */
    else if (n == 0)
        talker->ended = true;
}

static void
on_tls(struct talker *talker, ssize_t n)
{
    int code, got;

    if (n > 0)
        BIO_write(SSL_get_rbio(talker->ssl), data, (int)n);
    ERR_clear_error();
    while ((got = SSL_read(talker->ssl, data, sizeof(data))) > 0)
        check_heard(talker, (size_t)got);
    code = SSL_get_error(talker->ssl, got);
    if (code == SSL_ERROR_ZERO_RETURN)
        talker->ended = true;
    else if (n == 0 || code != SSL_ERROR_WANT_READ)
        leave(talker);
}

void
talker_hear(struct talker *talker, size_t most)
{
    ssize_t n;

    if (talker->fd < 0)
        return;
    n = recv(talker->fd, data, lesser(most, sizeof(data)), 0);
    if (n < 0 && errno != EAGAIN)
        leave(talker);
    else if (talker->ssl == NULL)
        on_plain(talker, n);
    else
        on_tls(talker, n);
}

static void
send_fin(struct talker *talker)
{
    shutdown(talker->fd, SHUT_WR);
    talker->shut = true;
}

static void
end(struct talker *talker)
{
    talker->finished = true;
    if (talker->how == TALKER_RESETS) {
        wire_reset(talker->fd);
        talker->fd = -1;
        talker->gone = true;
        return;
    }
    if (talker->ssl != NULL && talker->how < TALKER_TRUNCATES) {
        SSL_shutdown(talker->ssl);
        talker_send(talker, sizeof(data));
    }
    if (talker->ssl == NULL || talker->how != TALKER_NOTIFIES)
        send_fin(talker);
}

static void
finish(struct talker *talker)
{
    if (talker->finished || talker->fd < 0 || talker->written < talker->bulk)
        return;
    if (talker->ssl == NULL ||
        (SSL_is_init_finished(talker->ssl) &&
            BIO_pending(SSL_get_wbio(talker->ssl)) == 0))
        end(talker);
}

static bool
is_time_up(struct talker *talker)
{
    return talker->acts_left > 0 && --talker->acts_left == 0 &&
        !talker->finished;
}

void
talker_act(struct talker *talker)
{
    if (talker->fd < 0)
        return;
    if (is_time_up(talker)) {
        end(talker);
        return;
    }
    switch (random() % 4) {
    case 0:
        say(talker, at_most(talker->piece));
        break;
    case 1:
        talker_hear(talker, at_most(talker->piece + talker->piece / 2));
        break;
    case 2:
        finish(talker);
        break;
    default:
        break;
    }
    talker_send(talker, at_most(talker->piece / 2));
}

void
talker_work(struct talker *talker)
{
    talker_hear(talker, sizeof(data));
    talker_send(talker, sizeof(data));
    say(talker, talker->piece);
    talker_send(talker, sizeof(data));
    finish(talker);
}
