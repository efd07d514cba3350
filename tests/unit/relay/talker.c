#include "talker.h"

#include <sys/socket.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "net/wire.h"

enum { WAITING_MAX = 60000 }; /* of TLS, before it is sent */

static uint8_t data[512 << 10];

static size_t
at_most(size_t n)
{
    return 1 + (size_t)random() % n;
}

void
talker_start(struct talker *talker, int fd, uint64_t bulk, SSL_CTX *ctx,
    int version)
{
    *talker = (struct talker){ .fd = fd, .bulk = bulk };
    if (ctx == NULL)
        return;
    talker->ssl = SSL_new(ctx);
    cr_assert_not_null(talker->ssl);
    SSL_set_min_proto_version(talker->ssl, version);
    SSL_set_max_proto_version(talker->ssl, version);
    SSL_set_bio(talker->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(talker->ssl);
    SSL_do_handshake(talker->ssl);
}

void
talker_free(struct talker *talker)
{
    SSL_free(talker->ssl);
    close(talker->fd);
}

static bool
has_room(const struct talker *talker)
{
    struct pollfd room = { .fd = talker->fd, .events = POLLOUT };

    return poll(&room, 1, 0) == 1 && (room.revents & POLLOUT) != 0;
}

void
talker_send(struct talker *talker, size_t most)
{
    int size;

    if (talker->ssl == NULL || !has_room(talker))
        return;
    size = BIO_read(SSL_get_wbio(talker->ssl), data, (int)most);
    if (size > 0)
        wire_send(talker->fd, data, (size_t)size);
}

static void
say_plain(struct talker *talker, size_t size)
{
    ssize_t n = send(talker->fd, data, size, MSG_NOSIGNAL);

    talker->written += n > 0 ? (uint64_t)n : 0;
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
say(struct talker *talker)
{
    size_t size = at_most(20000);

    if (size > talker->bulk - talker->written)
        size = (size_t)(talker->bulk - talker->written);
    if (size == 0)
        return;
    wire_fill(data, talker->written, size);
    if (talker->ssl == NULL)
        say_plain(talker, size);
    else
        say_tls(talker, size);
}

static void
check_heard(struct talker *talker, size_t size)
{
    cr_assert(wire_matches(data, talker->received, size));
    talker->received += size;
}

void
talker_hear(struct talker *talker, size_t most)
{
    ssize_t n = recv(talker->fd, data, most, 0);
    int got;

    if (talker->ssl == NULL) {
        if (n > 0)
            check_heard(talker, (size_t)n);
        talker->ended |= n == 0;
        return;
    }
    if (n > 0)
        BIO_write(SSL_get_rbio(talker->ssl), data, (int)n);
    ERR_clear_error();
    while ((got = SSL_read(talker->ssl, data, sizeof(data))) > 0)
        check_heard(talker, (size_t)got);
    talker->ended |=
        SSL_get_error(talker->ssl, got) == SSL_ERROR_ZERO_RETURN;
}

/* TLS says its end here; the FIN may come at any later time, or never. */
static void
finish(struct talker *talker)
{
    if (talker->finished || talker->written < talker->bulk)
        return;
    if (talker->ssl == NULL)
        shutdown(talker->fd, SHUT_WR);
    else if (BIO_pending(SSL_get_wbio(talker->ssl)) > 0)
        return;
    else
        SSL_shutdown(talker->ssl);
    talker->finished = true;
}

void
talker_act(struct talker *talker)
{
    switch (random() % 4) {
    case 0:
        say(talker);
        break;
    case 1:
        talker_hear(talker, at_most(30000));
        break;
    case 2:
        finish(talker);
        break;
    default:
        break;
    }
    talker_send(talker, at_most(9000));
}
