#include "tls/tls_bio.h"

#include <openssl/bio.h>

#include <assert.h>
#include <string.h>

#include "net/loop.h"

static int
bio_write(BIO *bio, const char *data, size_t size, size_t *written)
{
    struct tls_input *input = BIO_get_data(bio);
    struct loop *loop = input->stream->loop;

    if (size > LOOP_RECORDS_BYTES - loop->records_length)
        tls_bio_push(input->stream);
    assert(size <= LOOP_RECORDS_BYTES); /* OpenSSL writes record by record */
    memcpy(loop->records + loop->records_length, data, size);
    loop->records_length += size;
    *written = size;
    return 1;
}

/* OpenSSL gets one filling of its buffer at a time, which always holds a whole
 * record: it goes through records without data (KeyUpdate) until there are no
 * more, and a peer that sends them without end would keep it there.
 *
 * A FIN or a reset, too, is told as "nothing now": OpenSSL would take it for a
 * fatal error of its own and refuse to write, although the other direction may
 * be well.  The owner looks at `ended` and the stream's `error` instead. */
static int
bio_read(BIO *bio, char *data, size_t size, size_t *got)
{
    struct tls_input *input = BIO_get_data(bio);
    enum stream_status status = STREAM_AGAIN;

    *got = 0;
    BIO_clear_retry_flags(bio);
    if (input->filled) {
        BIO_set_retry_read(bio);
        return 0;
    }
    /* After a failed send, too: what came before the reset was accepted. */
    if (!input->starved && !input->ended)
        status = stream_receive(input->stream, data, size, got);
    if (status == STREAM_OK) {
        input->began = true;
        input->filled = true;
        /* Fewer than asked for: the next recv(2) would only say EAGAIN. */
        input->starved = *got < size;
        return 1;
    }
    input->starved = true;
    if (status == STREAM_END)
        input->ended = true;
    BIO_set_retry_read(bio);
    return 0;
}

static long
bio_ctrl(BIO *bio, int command, long number, void *data)
{
    (void)bio;
    (void)number;
    (void)data;
    return command == BIO_CTRL_FLUSH; /* tls_bio_push() is the real one */
}

/* Made once and kept: OpenSSL wants BIO methods to live as long as BIOs. */
static const BIO_METHOD *
method(void)
{
    static BIO_METHOD *made;

    if (made != NULL)
        return made;
    made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
    if (made == NULL)
        return NULL;
    BIO_meth_set_write_ex(made, bio_write);
    BIO_meth_set_read_ex(made, bio_read);
    BIO_meth_set_ctrl(made, bio_ctrl);
    return made;
}

BIO *
tls_bio_new(struct tls_input *input)
{
    const BIO_METHOD *stream_method = method();
    BIO *bio = stream_method != NULL ? BIO_new(stream_method) : NULL;

    if (bio == NULL)
        return NULL;
    BIO_set_data(bio, input);
    BIO_set_init(bio, 1);
    return bio;
}

void
tls_bio_begin(struct tls_input *input)
{
    assert(input->stream->loop->records_length == 0);
    input->starved = input->filled = false;
}

enum stream_status
tls_bio_push(struct stream *stream)
{
    struct loop *loop = stream->loop;
    size_t length = loop->records_length;

    loop->records_length = 0;
    /* What OpenSSL has to say behind the end (an answer to KeyUpdate, an alert)
     * can no longer be sent; trying would look like a broken connection. */
    if (length == 0 || stream->finishing)
        return STREAM_OK;
    return stream_send(stream, loop->records, length);
}
