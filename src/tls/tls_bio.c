#include "tls/tls_bio.h"

#include <openssl/bio.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "net/loop.h"
#include "tls/tls_hello.h"

enum {
    /* A record that is full, about. */
    WANT_LEAST = (16 << 10) + 64,
    /* For the header and the body of a record, which may lie in two pieces. */
    READS_PER_CALL = 256,
};

static enum stream_status
send_records(struct stream *stream)
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

static int
bio_write(BIO *bio, const char *data, size_t size, size_t *written)
{
    struct tls_input *input = BIO_get_data(bio);
    struct loop *loop = input->stream->loop;

    *written = size;
    input->spoke = true;
    if (input->severed)
        return 1;
    if (size > LOOP_RECORDS_BYTES - loop->records_length)
        send_records(input->stream);
    assert(size <= LOOP_RECORDS_BYTES); /* OpenSSL writes record by record */
    memcpy(loop->records + loop->records_length, data, size);
    loop->records_length += size;
    return 1;
}

/* What is left from earlier calls comes first; nothing is received before that
 * is used up. */
static size_t
take_input(struct tls_input *input, char *data, size_t size)
{
    size_t left = buffer_length(&input->left), n = input->end - input->start;

    if (left > 0) {
        n = left < size ? left : size;
        memcpy(data, buffer_head(&input->left), n);
        buffer_consume(&input->left, n);
        return n;
    }
    if (n > size)
        n = size;
    memcpy(data, input->stream->loop->input + input->start, n);
    input->start += n;
    return n;
}

/* A FIN or a reset, too, is told as "nothing now": OpenSSL would take it for a
 * fatal error of its own and refuse to write, although the other direction may
 * be well.  The owner looks at `ended` and the stream's `error` instead. */
static void
fill_input(struct tls_input *input)
{
    enum stream_status status = STREAM_AGAIN;

    /* After a failed send, too: what came before the reset was accepted. */
    input->start = input->end = 0;
    input->asked = true;
    if (!input->drained && !input->ended)
        status = stream_receive(input->stream, input->stream->loop->input,
            input->want, &input->end);
    if (status == STREAM_OK && !input->began)
        input->protocol =
            protocol_of(input->stream->loop->input, input->end);
    if (status == STREAM_OK)
        input->began = input->filled = input->took = true;
    if (status == STREAM_END)
        input->ended = true;
    /* Fewer than asked for: the next recv(2) would only say EAGAIN. */
    input->drained = input->end < input->want;
}

static bool
has_rest(const struct tls_input *input)
{
    return input->start < input->end || buffer_length(&input->left) > 0;
}

/* What one read of OpenSSL gets; 0: nothing now. */
static size_t
take_or_fill_input(struct tls_input *input, char *data, size_t size)
{
    size_t n;

    if (input->severed || input->refused || input->reads == 0)
        return 0;
    input->reads--;
    n = take_input(input, data, size);
    if (n == 0 && !input->filled) {
        fill_input(input);
        n = take_input(input, data, size);
    }
    if (n > 0 && input->hello != NULL)
        input->refused =
            !tls_hello_look(input->hello, (const uint8_t *)data, n);
    return input->refused ? 0 : n;
}

/* OpenSSL reads a record's header, then its body.  Both come from what one large
 * recv(2) brought into memory that all connections share, so that no connection
 * owns a large buffer; of a record that is not whole yet OpenSSL keeps what
 * there is.  One filling at a time: it may go through many records without data
 * in one call, and a peer that sends them without end would keep it there. */
static int
bio_read(BIO *bio, char *data, size_t size, size_t *got)
{
    struct tls_input *input = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    *got = take_or_fill_input(input, data, size);
    if (*got > 0)
        return 1;
    input->starved = input->drained && !has_rest(input);
    BIO_set_retry_read(bio);
    return 0;
}

static long
bio_ctrl(BIO *bio, int command, long number, void *data)
{
    (void)bio;
    (void)number;
    (void)data;
    return command == BIO_CTRL_FLUSH; /* tls_bio_end() is the real one */
}

/* Made once and kept: OpenSSL wants BIO methods to live as long as BIOs. */
static const BIO_METHOD *
stream_bio_method(void)
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
    const BIO_METHOD *stream_method = stream_bio_method();
    BIO *bio = stream_method != NULL ? BIO_new(stream_method) : NULL;

    if (bio == NULL)
        return NULL;
    BIO_set_data(bio, input);
    BIO_set_init(bio, 1);
    return bio;
}

void
tls_bio_take_back(struct tls_input *input, struct buffer *bytes)
{
    if (buffer_length(bytes) == 0)
        return;
    input->protocol = protocol_of(buffer_head(bytes), buffer_length(bytes));
    input->began = true;
    input->left = *bytes;
    *bytes = (struct buffer){ 0 };
}

void
tls_bio_begin(struct tls_input *input)
{
    assert(input->stream->loop->records_length == 0);
    assert(input->start == input->end);
    input->starved = input->drained = input->filled = input->asked = false;
    input->took = input->spoke = false;
    input->reads = READS_PER_CALL;
    tls_bio_want(input, 0);
}

/* A little more than the data: 16 KiB have a header and a tag of their own. */
void
tls_bio_want(struct tls_input *input, size_t size)
{
    size += size / 512 + 64;
    if (size < WANT_LEAST)
        size = WANT_LEAST;
    input->want = size < LOOP_INPUT_BYTES ? size : LOOP_INPUT_BYTES;
}

bool
tls_bio_is_dry(const struct tls_input *input)
{
    return !has_rest(input) &&
        (input->drained || !input->asked) && !input->ended &&
        input->stream->error == 0;
}

/* At most what one recv(2) brought; most often the beginning of a record. */
static bool
keep_input(struct tls_input *input)
{
    size_t start = input->start, n = input->end - start;

    input->start = input->end = 0;
    return n == 0 ||
        buffer_append(&input->left, input->stream->loop->input + start, n);
}

enum stream_status
tls_bio_end(struct tls_input *input)
{
    bool kept = keep_input(input);
    enum stream_status sent = send_records(input->stream);

    if (kept)
        return sent;
    input->stream->error = ENOMEM;
    return STREAM_FAILED;
}
