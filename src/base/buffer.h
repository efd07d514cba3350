/*
 * Bytes waiting to go somewhere.  Empty, it owns no memory.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

/* Zero-initialise before use. */
struct buffer {
    uint8_t *data;  /* NULL when empty */
    size_t start;   /* first waiting byte */
    size_t end;     /* one past the last */
    size_t size;    /* allocated */
};

static inline size_t
buffer_length(const struct buffer *buffer)
{
    return buffer->end - buffer->start;
}

static inline const uint8_t *
buffer_head(const struct buffer *buffer)
{
    return buffer->data + buffer->start;
}

/* Copies `length` bytes to the end.  False: out of memory, nothing changed. */
NODISCARD bool buffer_append(struct buffer *buffer, const void *data,
    size_t length);

/* Drops `length` bytes from the front; frees the memory with the last one. */
void buffer_consume(struct buffer *buffer, size_t length);

void buffer_clear(struct buffer *buffer);

#endif
