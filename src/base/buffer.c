#include "base/buffer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static bool
grow_buffer(struct buffer *buffer, size_t need)
{
    /* What comes once often stays alone; what comes again will come again. */
    size_t size = buffer->size == 0 ? need : need + need / 2;
    uint8_t *data = size < need ? NULL : malloc(size);

    if (data == NULL)
        return false;
    if (buffer->data != NULL)
        memcpy(data, buffer_head(buffer), buffer_length(buffer));
    free(buffer->data);
    buffer->end = buffer_length(buffer);
    buffer->start = 0;
    buffer->data = data;
    buffer->size = size;
    return true;
}

/* Bytes are moved only when a quarter of the room is won by it, so that their
 * moving costs a fixed share of what is appended. */
static bool
reserve_buffer_room(struct buffer *buffer, size_t length)
{
    size_t waiting = buffer_length(buffer), need = waiting + length;

    if (need < length)
        return false;
    if (length <= buffer->size - buffer->end)
        return true;
    if (need > buffer->size - buffer->size / 4)
        return grow_buffer(buffer, need);
    memmove(buffer->data, buffer_head(buffer), waiting);
    buffer->start = 0;
    buffer->end = waiting;
    return true;
}

bool
buffer_append(struct buffer *buffer, const void *data, size_t length)
{
    if (length == 0)
        return true;
    if (!reserve_buffer_room(buffer, length))
        return false;
    memcpy(buffer->data + buffer->end, data, length);
    buffer->end += length;
    return true;
}

void
buffer_consume(struct buffer *buffer, size_t length)
{
    assert(length <= buffer_length(buffer));
    buffer->start += length;
    if (buffer->start == buffer->end)
        buffer_clear(buffer);
}

void
buffer_clear(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){ 0 };
}
