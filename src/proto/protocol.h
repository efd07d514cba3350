/*
 * Which protocol is spoken, by the first bytes that one side sends.
 */
#ifndef PROTO_PROTOCOL_H
#define PROTO_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum protocol {
    PROTOCOL_TLS,   /* or nothing that says otherwise yet */
    PROTOCOL_OTHER, /* not TLS, and none of the following */
    PROTOCOL_AMQP,
    PROTOCOL_FTP,
    PROTOCOL_HTTP,
    PROTOCOL_IMAP,
    PROTOCOL_LDAP,
    PROTOCOL_MQTT,
    PROTOCOL_MYSQL,
    PROTOCOL_POP3,
    PROTOCOL_POSTGRESQL,
    PROTOCOL_PROXY,
    PROTOCOL_RDP,
    PROTOCOL_REDIS,
    PROTOCOL_SMTP,
    PROTOCOL_SMTP_OR_FTP,
    PROTOCOL_SSH,
    PROTOCOL_VNC,
    PROTOCOL_XMPP,
};

/* What the first bytes of a client, or of a server, are the beginning of.  Where
 * there are too few of them it is PROTOCOL_OTHER, or PROTOCOL_TLS if they may
 * still become a record of TLS (RFC 8446 5.1). */
enum protocol protocol_of(const uint8_t *bytes, size_t size);

/* Whether more of a client's bytes could make another protocol of them, one of TLS,
 * HTTP, SSH, PostgreSQL, RDP and PROXY. */
bool protocol_may_become(const uint8_t *bytes, size_t size);

/* The protocol's usual name; NULL for PROTOCOL_OTHER. */
const char *protocol_name(enum protocol protocol);

#endif
