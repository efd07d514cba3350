#include "proto/client_hello.h"

#include <string.h>

enum {
    RECORD_HEADER = 5,
    RECORD_MOST = 1 << 14, /* of plain text: RFC 8446 5.1 */
    RECORD_HANDSHAKE = 22,
    MESSAGE_HEADER = 4,
    MESSAGE_CLIENT_HELLO = 1,
    RANDOM_BYTES = 32,
    SESSION_ID_MOST = 32,
    EXTENSION_SERVER_NAME = 0,
    EXTENSION_ALPN = 16,
    EXTENSION_SUPPORTED_VERSIONS = 43,
    NAME_IS_HOST = 0,
    VERSION_LEAST = 0x0300,
    VERSION_MOST = 0x0304,
};

/* What is left of a part of the message. */
struct cursor {
    const uint8_t *at;
    size_t left;
};

static bool
take_number(struct cursor *from, size_t bytes, size_t *number)
{
    if (from->left < bytes)
        return false;
    *number = 0;
    for (size_t i = 0; i < bytes; i++)
        *number = *number << 8 | from->at[i];
    from->at += bytes;
    from->left -= bytes;
    return true;
}

static bool
take_bytes(struct cursor *from, size_t size, struct cursor *part)
{
    if (from->left < size)
        return false;
    *part = (struct cursor){ from->at, size };
    from->at += size;
    from->left -= size;
    return true;
}

/* A vector, whose length stands in front in so many bytes (RFC 8446 3.4). */
static bool
take_vector(struct cursor *from, size_t bytes, struct cursor *part)
{
    size_t size;

    return take_number(from, bytes, &size) && take_bytes(from, size, part);
}

/* RFC 6066 3: one name of each type, and there is one type. */
static const char *
read_server_name(struct cursor body, struct client_hello *hello)
{
    struct cursor list, name;
    size_t type;

    if (hello->server_name.bytes != NULL)
        return "two lists of server names";
    if (!take_vector(&body, 2, &list) || body.left > 0 ||
        !take_number(&list, 1, &type) || type != NAME_IS_HOST ||
        !take_vector(&list, 2, &name) || list.left > 0)
        return "a malformed server name";
    if (name.left == 0 || name.left > CLIENT_HELLO_NAME_MAX ||
        memchr(name.at, '\0', name.left) != NULL)
        return "no server name that could be one";
    hello->server_name = (struct client_hello_part){ name.at, name.left };
    return NULL;
}

/* RFC 7301 3.1. */
static const char *
read_alpn(struct cursor body, struct client_hello *hello)
{
    struct cursor list, name, names;

    if (hello->alpn.bytes != NULL)
        return "two lists of protocols";
    if (!take_vector(&body, 2, &list) || body.left > 0 || list.left == 0)
        return "a malformed list of protocols";
    for (names = list; names.left > 0;)
        if (!take_vector(&names, 1, &name) || name.left == 0)
            return "a malformed list of protocols";
    hello->alpn = (struct client_hello_part){ list.at, list.left };
    return NULL;
}

/* RFC 8446 4.2.1; what stands there to be skipped (GREASE, RFC 8701) is no
 * version of TLS. */
static const char *
read_versions(struct cursor body, struct client_hello *hello)
{
    struct cursor list;
    size_t version;

    if (!take_vector(&body, 1, &list) || body.left > 0 || list.left == 0)
        return "a malformed list of versions";
    hello->version = 0;
    while (take_number(&list, 2, &version))
        if (version >= VERSION_LEAST && version <= VERSION_MOST &&
            version > hello->version)
            hello->version = (uint16_t)version;
    return list.left > 0 ? "a malformed list of versions" : NULL;
}

static const char *
read_extension(size_t type, struct cursor body, struct client_hello *hello)
{
    switch (type) {
    case EXTENSION_SERVER_NAME:
        return read_server_name(body, hello);
    case EXTENSION_ALPN:
        return read_alpn(body, hello);
    case EXTENSION_SUPPORTED_VERSIONS:
        return read_versions(body, hello);
    default:
        return NULL;
    }
}

static const char *
read_extensions(struct cursor list, struct client_hello *hello)
{
    const char *fault = NULL;

    while (list.left > 0 && fault == NULL) {
        struct cursor body;
        size_t type;

        if (!take_number(&list, 2, &type) || !take_vector(&list, 2, &body))
            return "a malformed extension";
        fault = read_extension(type, body, hello);
    }
    return fault;
}

/* RFC 8446 4.1.2; before TLS 1.3 the extensions may be missing (RFC 5246
 * 7.4.1.2).  NULL: it is in order. */
static const char *
read_message(struct cursor message, struct client_hello *hello)
{
    struct cursor random, session, ciphers, compression, extensions;
    size_t version;

    if (!take_number(&message, 2, &version) ||
        !take_bytes(&message, RANDOM_BYTES, &random) ||
        !take_vector(&message, 1, &session) ||
        session.left > SESSION_ID_MOST ||
        !take_vector(&message, 2, &ciphers) || ciphers.left < 2 ||
        ciphers.left % 2 != 0 || !take_vector(&message, 1, &compression) ||
        compression.left == 0)
        return "a malformed hello";
    hello->version = (uint16_t)version;
    if (message.left == 0)
        return NULL;
    if (!take_vector(&message, 2, &extensions) || message.left > 0)
        return "a malformed list of extensions";
    return read_extensions(extensions, hello);
}

/* The message as its records bring it. */
struct gathering {
    uint8_t *memory;
    size_t have; /* of the message, its header included, and what follows in
                  * its last record */
};

static size_t
message_size(const struct gathering *gathered)
{
    const uint8_t *header = gathered->memory;

    return MESSAGE_HEADER + ((size_t)header[1] << 16 | (size_t)header[2] << 8 |
        header[3]);
}

static bool
is_whole(const struct gathering *gathered)
{
    return gathered->have >= MESSAGE_HEADER &&
        gathered->have >= message_size(gathered);
}

/* NULL: it may be one. */
static const char *
judge_record_header(const uint8_t *record, size_t size)
{
    size_t length;

    if (record[0] != RECORD_HANDSHAKE)
        return "another record than one of a handshake";
    if (size >= 2 && record[1] != VERSION_LEAST >> 8)
        return "a version that no TLS has";
    if (size < RECORD_HEADER)
        return NULL;
    length = (size_t)record[3] << 8 | record[4];
    return length == 0 || length > RECORD_MOST
        ? "a record of a size that none may have"
        : NULL;
}

static const char *
judge_message_header(const struct gathering *gathered)
{
    if (gathered->have > 0 && gathered->memory[0] != MESSAGE_CLIENT_HELLO)
        return "another message than a hello";
    if (gathered->have >= MESSAGE_HEADER &&
        message_size(gathered) > CLIENT_HELLO_MEMORY)
        return "a hello that is too large";
    return NULL;
}

/* Puts the contents of the record at `record` into memory.  Returns how many bytes
 * the record has with its header, or all `size` if it has not come whole. */
static size_t
gather_record(struct gathering *gathered, const uint8_t *record, size_t size)
{
    size_t length = (size_t)record[3] << 8 | record[4], here, room;

    here = length < size - RECORD_HEADER ? length : size - RECORD_HEADER;
    room = CLIENT_HELLO_MEMORY - gathered->have;
    memcpy(gathered->memory + gathered->have, record + RECORD_HEADER,
        here < room ? here : room);
    gathered->have += here;
    return RECORD_HEADER + here;
}

static enum client_hello_verdict
ask_for_more(const struct gathering *gathered, size_t size,
    struct client_hello *hello)
{
    size_t want = gathered->have >= MESSAGE_HEADER ? message_size(gathered)
                                                   : MESSAGE_HEADER;

    hello->input = size + (want - gathered->have);
    return CLIENT_HELLO_MORE;
}

static enum client_hello_verdict
condemn_hello(struct client_hello *hello, const char *fault)
{
    *hello = (struct client_hello){ .fault = fault };
    return CLIENT_HELLO_BAD;
}

enum client_hello_verdict
client_hello_parse(const uint8_t *input, size_t size, uint8_t *memory,
    struct client_hello *hello)
{
    struct gathering gathered = { .memory = memory };
    const char *fault = NULL;
    size_t at = 0;

    *hello = (struct client_hello){ 0 };
    while (at < size && fault == NULL && !is_whole(&gathered)) {
        fault = judge_record_header(input + at, size - at);
        if (fault != NULL || size - at < RECORD_HEADER)
            break;
        at += gather_record(&gathered, input + at, size - at);
        fault = judge_message_header(&gathered);
    }
    if (fault == NULL && !is_whole(&gathered))
        return ask_for_more(&gathered, size, hello);
    if (fault == NULL)
        fault = read_message(
            (struct cursor){ memory + MESSAGE_HEADER,
                message_size(&gathered) - MESSAGE_HEADER },
            hello);
    if (fault != NULL)
        return condemn_hello(hello, fault);
    hello->input = at - (gathered.have - message_size(&gathered));
    return CLIENT_HELLO_DONE;
}

bool
client_hello_offers(const struct client_hello *hello, const char *name)
{
    struct cursor list = { hello->alpn.bytes, hello->alpn.size }, one;
    size_t size = strlen(name);

    while (take_vector(&list, 1, &one))
        if (one.left == size && memcmp(one.at, name, size) == 0)
            return true;
    return false;
}
