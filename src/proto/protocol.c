#include "proto/protocol.h"

#include <stdbool.h>
#include <string.h>

#define LITERAL(text) text, sizeof(text) - 1

/* What the first bytes are, from the first on.  The longer of two that begin
 * alike comes first. */
static const struct {
    const char *bytes;
    size_t size;
    enum protocol protocol;
} beginnings[] = {
    { LITERAL("SSH-"), PROTOCOL_SSH },               /* RFC 4253 4.2 */
    { LITERAL("HTTP/"), PROTOCOL_HTTP },             /* RFC 9112 4 */
    { LITERAL("GET "), PROTOCOL_HTTP },              /* RFC 9110 9 */
    { LITERAL("HEAD "), PROTOCOL_HTTP },
    { LITERAL("POST "), PROTOCOL_HTTP },
    { LITERAL("PUT "), PROTOCOL_HTTP },
    { LITERAL("DELETE "), PROTOCOL_HTTP },
    { LITERAL("CONNECT "), PROTOCOL_HTTP },
    { LITERAL("OPTIONS "), PROTOCOL_HTTP },
    { LITERAL("PATCH "), PROTOCOL_HTTP },
    { LITERAL("TRACE "), PROTOCOL_HTTP },
    { LITERAL("PRI * HTTP/2"), PROTOCOL_HTTP },      /* RFC 9113 3.4 */
    { LITERAL("PROXY "), PROTOCOL_PROXY }, /* proxy-protocol.txt 2.1, 2.2 */
    { LITERAL("\r\n\r\n\0\r\nQUIT\n"), PROTOCOL_PROXY },
    { LITERAL("EHLO "), PROTOCOL_SMTP },             /* RFC 5321 4.1.1.1 */
    { LITERAL("HELO "), PROTOCOL_SMTP },
    { LITERAL("LHLO "), PROTOCOL_SMTP },             /* RFC 2033 4.1 */
    { LITERAL("* OK"), PROTOCOL_IMAP },              /* RFC 9051 7.1 */
    { LITERAL("* PREAUTH"), PROTOCOL_IMAP },
    { LITERAL("+OK\r\n"), PROTOCOL_REDIS },          /* a bare one: no banner */
    { LITERAL("+OK"), PROTOCOL_POP3 },               /* RFC 1939 4 */
    { LITERAL("-ERR"), PROTOCOL_REDIS },
    { LITERAL("-NOAUTH"), PROTOCOL_REDIS },
    { LITERAL("-DENIED"), PROTOCOL_REDIS },
    { LITERAL("+PONG"), PROTOCOL_REDIS },
    { LITERAL("PING\r\n"), PROTOCOL_REDIS },
    { LITERAL("AUTH "), PROTOCOL_REDIS },
    { LITERAL("AMQP"), PROTOCOL_AMQP },
    { LITERAL("RFB "), PROTOCOL_VNC },               /* RFC 6143 7.1.1 */
    { LITERAL("<?xml "), PROTOCOL_XMPP },            /* RFC 6120 4.2 */
    { LITERAL("<stream:stream"), PROTOCOL_XMPP },
};

static const char *const names[] = {
    [PROTOCOL_TLS] = "TLS",
    [PROTOCOL_OTHER] = NULL,
    [PROTOCOL_AMQP] = "AMQP",
    [PROTOCOL_FTP] = "FTP",
    [PROTOCOL_HTTP] = "plain HTTP",
    [PROTOCOL_IMAP] = "IMAP",
    [PROTOCOL_LDAP] = "LDAP",
    [PROTOCOL_MQTT] = "MQTT",
    [PROTOCOL_MYSQL] = "the MySQL protocol",
    [PROTOCOL_POP3] = "POP3",
    [PROTOCOL_POSTGRESQL] = "the PostgreSQL protocol",
    [PROTOCOL_PROXY] = "the PROXY protocol",
    [PROTOCOL_RDP] = "RDP",
    [PROTOCOL_REDIS] = "the Redis protocol",
    [PROTOCOL_SMTP] = "SMTP",
    [PROTOCOL_SMTP_OR_FTP] = "SMTP or FTP",
    [PROTOCOL_SSH] = "SSH",
    [PROTOCOL_VNC] = "VNC",
    [PROTOCOL_XMPP] = "XMPP",
};

static bool
has_text_at(const uint8_t *bytes, size_t size, size_t at, const char *text)
{
    size_t length = strlen(text);

    return size >= at + length && memcmp(bytes + at, text, length) == 0;
}

static uint32_t
number_at(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
        (uint32_t)bytes[2] << 8 | bytes[3];
}

/* A record of TLS, or a ClientHello as SSL 2 had it (RFC 5246 E.2). */
static bool
may_be_tls(const uint8_t *bytes, size_t size)
{
    enum { CHANGE_CIPHER_SPEC = 20, HEARTBEAT = 24, CLIENT_HELLO = 1 };

    if (size == 0)
        return true;
    if (bytes[0] >= CHANGE_CIPHER_SPEC && bytes[0] <= HEARTBEAT)
        return size < 2 || bytes[1] == 3;
    return (bytes[0] & 0x80) != 0 && size >= 3 && bytes[2] == CLIENT_HELLO;
}

/* Start-up, SSLRequest, GSSENCRequest or CancelRequest: a length, and a version
 * or what stands for one (PostgreSQL, "Message Formats"). */
static bool
is_postgresql(const uint8_t *bytes, size_t size)
{
    enum { LEAST = 8, MOST = 10000, MAJOR = 3, MAJOR_OF_REQUESTS = 1234 };
    uint32_t length, version;

    if (size < LEAST)
        return false;
    length = number_at(bytes);
    version = number_at(bytes + 4) >> 16;
    return length >= LEAST && length <= MOST &&
        (version == MAJOR || version == MAJOR_OF_REQUESTS);
}

/* A TPKT header around a connection request (RFC 1006 6, X.224 13.3). */
static bool
is_rdp(const uint8_t *bytes, size_t size)
{
    return size >= 6 && bytes[0] == 3 && bytes[1] == 0 && bytes[5] == 0xe0;
}

/* The server's first packet: three bytes of length, number 0, version 10. */
static bool
is_mysql(const uint8_t *bytes, size_t size)
{
    return size >= 6 && bytes[1] == 0 && bytes[2] == 0 && bytes[3] == 0 &&
        bytes[4] == 10 && bytes[5] >= '0' && bytes[5] <= '9';
}

/* A sequence that begins with a message's number (RFC 4511 4.1.1). */
static bool
is_ldap(const uint8_t *bytes, size_t size)
{
    size_t at = size >= 2 && (bytes[1] & 0x80) != 0
        ? 2 + (size_t)(bytes[1] & 0x7f)
        : 2;

    return size >= at + 2 && bytes[0] == 0x30 && bytes[at] == 2 &&
        bytes[at + 1] >= 1 && bytes[at + 1] <= 4;
}

/* CONNECT, whose length has one to four bytes (MQTT 5.0 3.1). */
static bool
is_mqtt(const uint8_t *bytes, size_t size)
{
    size_t at;

    for (at = 2; at <= 5; at++)
        if (has_text_at(bytes, size, at + 2, "MQ"))
            return bytes[0] == 0x10;
    return false;
}

/* An array of as many words as the digits say. */
static bool
is_redis(const uint8_t *bytes, size_t size)
{
    return size >= 3 && bytes[0] == '*' && bytes[1] >= '1' &&
        bytes[1] <= '9' && (bytes[2] == '\r' || (bytes[2] >= '0' &&
        bytes[2] <= '9'));
}

/* A greeting says which of the two it is, if it says anything. */
static enum protocol
of_reply(const uint8_t *bytes, size_t size)
{
    size_t at;

    for (at = 4; at < size && bytes[at] != '\n'; at++) {
        if (has_text_at(bytes, size, at, "SMTP"))
            return PROTOCOL_SMTP;
        if (has_text_at(bytes, size, at, "FTP"))
            return PROTOCOL_FTP;
    }
    return PROTOCOL_SMTP_OR_FTP;
}

static enum protocol
of_structure(const uint8_t *bytes, size_t size)
{
    if (is_postgresql(bytes, size))
        return PROTOCOL_POSTGRESQL;
    if (is_rdp(bytes, size))
        return PROTOCOL_RDP;
    if (is_mysql(bytes, size))
        return PROTOCOL_MYSQL;
    if (is_ldap(bytes, size))
        return PROTOCOL_LDAP;
    if (is_mqtt(bytes, size))
        return PROTOCOL_MQTT;
    if (is_redis(bytes, size))
        return PROTOCOL_REDIS;
    if (has_text_at(bytes, size, 0, "220 ") ||
        has_text_at(bytes, size, 0, "220-"))
        return of_reply(bytes, size);
    return PROTOCOL_OTHER;
}

enum protocol
protocol_of(const uint8_t *bytes, size_t size)
{
    size_t i;

    if (may_be_tls(bytes, size))
        return PROTOCOL_TLS;
    for (i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
        if (size >= beginnings[i].size &&
            memcmp(bytes, beginnings[i].bytes, beginnings[i].size) == 0)
            return beginnings[i].protocol;
    return of_structure(bytes, size);
}

/* Of those that are told by a structure: the length of PostgreSQL's first message is
 * below 64 KiB, and TPKT has version 3 and a zero. */
static bool
may_become_structured(const uint8_t *bytes, size_t size)
{
    enum { POSTGRESQL_SIZE = 8, RDP_SIZE = 6 };

    if (bytes[0] == 0)
        return size < POSTGRESQL_SIZE && (size < 2 || bytes[1] == 0);
    if (bytes[0] == 3)
        return size < RDP_SIZE && (size < 2 || bytes[1] == 0);
    return (bytes[0] & 0x80) != 0 && size < 3; /* the hello of SSL 2 */
}

bool
protocol_may_become(const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return true;
    if (protocol_of(bytes, size) != PROTOCOL_OTHER)
        return false;
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
        if (size < beginnings[i].size &&
            memcmp(bytes, beginnings[i].bytes, size) == 0)
            return true;
    return may_become_structured(bytes, size);
}

const char *
protocol_name(enum protocol protocol)
{
    return names[protocol];
}
