#include "net/stream.h"

#include <stdlib.h>
#include <string.h>

/* A plain stream is the socket itself: bytes go in and out as they are. */
const struct stream_ops stream_plain_ops = {
    .read = stream_receive,
    .write = stream_send,
};

/* One with bytes in front of the socket's goes over to be a plain one with the last
 * of them. */

static enum stream_status
read_put_back(struct stream *stream, void *data, size_t size, size_t *got)
{
    struct buffer *bytes = stream->state;

    *got = buffer_length(bytes);
    if (*got > size)
        *got = size;
    memcpy(data, buffer_head(bytes), *got);
    buffer_consume(bytes, *got);
    if (buffer_length(bytes) > 0)
        return STREAM_OK;
    free(bytes);
    stream->state = NULL;
    stream->ops = &stream_plain_ops;
    return STREAM_OK;
}

static bool
has_put_back(const struct stream *stream)
{
    (void)stream;
    return true;
}

static void
free_put_back(struct stream *stream)
{
    buffer_clear(stream->state);
    free(stream->state);
    stream->state = NULL;
}

static const struct stream_ops put_back_ops = {
    .read = read_put_back,
    .write = stream_send,
    .has_input = has_put_back,
    .free = free_put_back,
};

bool
stream_put_back(struct stream *stream, struct buffer *bytes)
{
    struct buffer *kept;

    if (buffer_length(bytes) == 0)
        return true;
    kept = malloc(sizeof(*kept));
    if (kept == NULL)
        return false;
    *kept = *bytes;
    *bytes = (struct buffer){ 0 };
    stream->state = kept;
    stream->ops = &put_back_ops;
    return true;
}

void
stream_take_back(struct stream *stream, struct buffer *bytes)
{
    if (stream->ops != &put_back_ops)
        return;
    *bytes = *(struct buffer *)stream->state;
    free(stream->state);
    stream->state = NULL;
    stream->ops = &stream_plain_ops;
}
