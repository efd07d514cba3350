#include "tls/tls_cert_list.h"

enum {
    HEADER = 4, /* type and length of the message */
    ENTRY_BYTES = 16 << 10, /* one with an post-quantum signature has 10 KiB */
    BYTES_MAX = 256 << 10,
};

unsigned
tls_cert_list_most(unsigned depth)
{
    return 2 * (depth + 2);
}

uint32_t
tls_cert_list_bytes(unsigned depth)
{
    uint64_t bytes = (uint64_t)ENTRY_BYTES * (depth + 2);

    return bytes < BYTES_MAX ? (uint32_t)bytes : BYTES_MAX;
}

/* Passes over a field behind a length of `width` bytes.  False: it is not whole. */
static bool
skip_field(const uint8_t *data, size_t size, size_t *at, unsigned width)
{
    size_t length = 0;

    if (size - *at < width)
        return false;
    for (unsigned i = 0; i < width; i++)
        length = length << 8 | data[*at + i];
    *at += width;
    if (size - *at < length)
        return false;
    *at += length;
    return true;
}

unsigned
tls_cert_list_count(const uint8_t *message, size_t size, bool is_1_3)
{
    size_t at = HEADER;
    unsigned count = 0;

    if (size < HEADER || (is_1_3 && !skip_field(message, size, &at, 1)))
        return 0;
    if (size - at < 3)
        return 0;
    at += 3; /* the list's own length: the message ends with it */
    while (skip_field(message, size, &at, 3)) {
        count++;
        if (is_1_3 && !skip_field(message, size, &at, 2))
            break;
    }
    return count;
}
