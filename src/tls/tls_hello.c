#include "tls/tls_hello.h"

#include <string.h>

enum { HANDSHAKE_RECORD = 22, CLIENT_HELLO = 1, SERVER_HELLO = 2 };

/* Where a ServerHello has its random: type, length, version. */
enum { RANDOM_AT = 6 };

static size_t
smaller_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Fills the header from the contents of a record; the rest is passed over. */
static void
take_message(struct tls_hello *hello, const uint8_t *data, size_t size)
{
    size_t n = smaller_size(size, sizeof(hello->message) - hello->message_have);

    if (hello->record[0] != HANDSHAKE_RECORD)
        return;
    memcpy(hello->message + hello->message_have, data, n);
    hello->message_have += (uint8_t)n;
}

/* Returns how many bytes were used: of one header, or of one record's contents. */
static size_t
take_part(struct tls_hello *hello, const uint8_t *data, size_t size)
{
    size_t n;

    if (hello->left > 0) {
        n = smaller_size(size, hello->left);
        take_message(hello, data, n);
        hello->left -= (uint16_t)n;
        return n;
    }
    n = smaller_size(size, sizeof(hello->record) - hello->record_have);
    memcpy(hello->record + hello->record_have, data, n);
    hello->record_have += (uint8_t)n;
    if (hello->record_have == sizeof(hello->record)) {
        hello->left = (uint16_t)(hello->record[3] << 8 | hello->record[4]);
        hello->record_have = 0;
    }
    return n;
}

static bool
is_too_large(const struct tls_hello *hello)
{
    return hello->message[0] == CLIENT_HELLO &&
        tls_hello_bytes(hello) > TLS_HELLO_BYTES_MAX;
}

bool
tls_hello_look(struct tls_hello *hello, const uint8_t *data, size_t size)
{
    if (!hello->began && size > 0)
        hello->blind = data[0] != HANDSHAKE_RECORD;
    hello->began = true;
    while (size > 0 && !hello->blind) {
        size_t n = take_part(hello, data, size);

        data += n;
        size -= n;
    }
    return hello->blind || !is_too_large(hello);
}

void
tls_hello_again(struct tls_hello *hello)
{
    hello->message_have = 0;
}

uint32_t
tls_hello_bytes(const struct tls_hello *hello)
{
    const uint8_t *header = hello->message;

    if (hello->message_have < sizeof(hello->message))
        return 0;
    return (uint32_t)header[1] << 16 | (uint32_t)header[2] << 8 | header[3];
}

bool
tls_hello_is_retry(const uint8_t *message, size_t size)
{
    /* RFC 8446 4.1.3: SHA-256 of "HelloRetryRequest". */
    static const uint8_t retry[32] = {
        0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11,
        0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
        0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e,
        0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
    };

    return size >= RANDOM_AT + sizeof(retry) && message[0] == SERVER_HELLO &&
        memcmp(message + RANDOM_AT, retry, sizeof(retry)) == 0;
}
