#include "link.h"

#include <openssl/err.h>

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pattern.h"

static uint8_t scratch[PATTERN_RUN];

static bool
would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* Collects; link_flush() sends. */
static int
bio_write(BIO *bio, const char *data, int size)
{
    struct link *link = BIO_get_data(bio);
    size_t need = link->length + (size_t)size;

    if (need > link->size) {
        link->size = need > 4096 ? need + need / 2 : 4096;
        link->pending = realloc(link->pending, link->size);
        if (link->pending == NULL)
            fail("out of memory");
    }
    memcpy(link->pending + link->length, data, (size_t)size);
    link->length = need;
    return size;
}

static int
bio_read(BIO *bio, char *data, int size)
{
    struct link *link = BIO_get_data(bio);
    ssize_t n = recv(link->watch.fd, data, (size_t)size, 0);

    BIO_clear_retry_flags(bio);
    if (n < 0 && would_block())
        BIO_set_retry_read(bio);
    return (int)n;
}

static long
bio_ctrl(BIO *bio, int command, long number, void *data)
{
    (void)bio, (void)number, (void)data;
    return command == BIO_CTRL_FLUSH;
}

static BIO *
new_bio(struct link *link)
{
    static BIO_METHOD *method;
    BIO *bio;

    if (method == NULL) {
        method = BIO_meth_new(
            BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "link");
        BIO_meth_set_write(method, bio_write);
        BIO_meth_set_read(method, bio_read);
        BIO_meth_set_ctrl(method, bio_ctrl);
    }
    bio = BIO_new(method);
    if (bio == NULL)
        fail("out of memory");
    BIO_set_data(bio, link);
    BIO_set_init(bio, 1);
    return bio;
}

void
link_open(struct link *link, int fd, SSL_CTX *context, bool accepts)
{
    link->watch.fd = fd;
    if (context == NULL)
        return;
    link->ssl = SSL_new(context);
    if (link->ssl == NULL)
        fail("SSL_new: out of memory");
    BIO *bio = new_bio(link);
    SSL_set_bio(link->ssl, bio, bio);
    if (accepts)
        SSL_set_accept_state(link->ssl);
    else
        SSL_set_connect_state(link->ssl);
}

void
link_close(struct link *link)
{
    loop_close(&link->watch);
    SSL_free(link->ssl);
    free(link->pending);
    link->ssl = NULL;
    link->pending = NULL;
}

bool
link_flush(struct link *link)
{
    while (link->start < link->length) {
        ssize_t n = send(link->watch.fd, link->pending + link->start,
            link->length - link->start, MSG_NOSIGNAL);

        if (n < 0)
            return !would_block();
        link->start += (size_t)n;
    }
    link->start = link->length = 0;
    return true;
}

static enum link_result
judge(const struct link *link, int result)
{
    switch (SSL_get_error(link->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return LINK_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return LINK_END;
    default:
        return LINK_FAILED;
    }
}

enum link_result
link_handshake(struct link *link)
{
    int result;

    ERR_clear_error();
    result = SSL_do_handshake(link->ssl);
    link_flush(link);
    return result == 1 ? LINK_OK : judge(link, result);
}

static enum link_result
read_plain(struct link *link, uint8_t *data, size_t size, size_t *got)
{
    /* tcp(7): with MSG_TRUNC the bytes are thrown away, not copied. */
    ssize_t n = recv(link->watch.fd, data != NULL ? data : scratch, size,
        data != NULL ? 0 : MSG_TRUNC);

    if (n < 0)
        return would_block() ? LINK_AGAIN : LINK_FAILED;
    *got = (size_t)n;
    return n > 0 ? LINK_OK : LINK_END;
}

enum link_result
link_read(struct link *link, uint8_t *data, size_t size, size_t *got)
{
    int result;

    *got = 0;
    if (link->ssl == NULL)
        return read_plain(link, data, size, got);
    if (data == NULL && size > sizeof(scratch))
        size = sizeof(scratch);
    ERR_clear_error();
    result =
        SSL_read_ex(link->ssl, data != NULL ? data : scratch, size, got);
    return result == 1 ? LINK_OK : judge(link, result);
}

bool
link_has_input(const struct link *link)
{
    return link->ssl != NULL && SSL_has_pending(link->ssl);
}

size_t
link_write(struct link *link, const uint8_t *data, size_t size)
{
    size_t written;

    if (!link_flush(link))
        return 0;
    if (link->ssl == NULL) {
        ssize_t n = send(link->watch.fd, data, size, MSG_NOSIGNAL);

        return n > 0 ? (size_t)n : 0;
    }
    ERR_clear_error();
    if (SSL_write_ex(link->ssl, data, size, &written) != 1)
        return 0;
    link_flush(link);
    return written;
}

void
link_finish(struct link *link)
{
    if (link->finished)
        return;
    link->finished = true;
    ERR_clear_error();
    if (link->ssl != NULL && SSL_is_init_finished(link->ssl) &&
        SSL_shutdown(link->ssl) < 0)
        ERR_clear_error();
    link_flush(link);
    shutdown(link->watch.fd, SHUT_WR);
}
