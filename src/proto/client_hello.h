/*
 * The first message of a TLS client, out of its bytes as they come from the
 * socket: which server it asks for, and which protocols it offers (RFC 8446 4.1.2,
 * RFC 6066 3, RFC 7301 3.1).
 *
 * A message that one server takes for another one than its neighbour does would
 * get around what was decided by it.  So what is doubtful is bad: an extension that
 * stands there twice, more than one name, a name with a NUL, bytes left over.
 */
#ifndef PROTO_CLIENT_HELLO_H
#define PROTO_CLIENT_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

enum {
    /* The message without its header.  One with post-quantum keys and many
     * protocols has a few KiB. */
    CLIENT_HELLO_BYTES_MAX = 32 << 10,
    CLIENT_HELLO_MEMORY = 4 + CLIENT_HELLO_BYTES_MAX,
    /* And the headers of the records that it comes in, in pieces of no less than
     * 40 bytes if it is as large as that. */
    CLIENT_HELLO_INPUT_MAX = 36 << 10,
    CLIENT_HELLO_NAME_MAX = 255,
};

enum client_hello_verdict {
    CLIENT_HELLO_DONE,
    CLIENT_HELLO_MORE, /* it is the beginning of one */
    CLIENT_HELLO_BAD,  /* no TLS, or a hello that is not in order */
};

struct client_hello_part {
    const uint8_t *bytes; /* NULL: it is not there */
    size_t size;
};

struct client_hello {
    struct client_hello_part server_name; /* as it was sent, 1 to 255 bytes */
    struct client_hello_part alpn; /* each a byte of length and the name */
    uint16_t version;  /* the newest offered that TLS has: 0x0304 is 1.3 */
    size_t input;      /* DONE: up to the end of the message;
                        * MORE: with fewer than so many it is MORE again */
    const char *fault; /* BAD: what is wrong, in words */
};

/* Judges `size` bytes from the first on.  DONE: the parts point into `memory`,
 * which has CLIENT_HELLO_MEMORY bytes. */
NODISCARD enum client_hello_verdict client_hello_parse(const uint8_t *input,
    size_t size, uint8_t *memory, struct client_hello *hello);

/* Whether the client offers the protocol of that name. */
bool client_hello_offers(const struct client_hello *hello, const char *name);

#endif
