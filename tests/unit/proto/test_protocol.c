#include "proto/protocol.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include <string.h>

struct row {
    char bytes[40];
    size_t size;
    enum protocol protocol;
};

#define LIT(text) text, sizeof(text) - 1
#define ROW(text, protocol) { text, sizeof(text) - 1, protocol }

static struct row rows[] = {
    ROW("", PROTOCOL_TLS),
    /* Records: a hello, an alert; and as much as may become one. */
    ROW("\x16\x03\x01\x00\xc8\x01", PROTOCOL_TLS),
    ROW("\x15\x03\x03\x00\x02\x02\x28", PROTOCOL_TLS),
    ROW("\x16", PROTOCOL_TLS),
    ROW("\x16\x03", PROTOCOL_TLS),
    ROW("\x80\x2e\x01\x03\x01", PROTOCOL_TLS),
    ROW("\x16\x02", PROTOCOL_OTHER),
    ROW("\x19\x03\x03", PROTOCOL_OTHER),
    ROW("\x80\x2e\x02", PROTOCOL_OTHER),
    /* Clients. */
    ROW("GET / HTTP/1.0\r\n", PROTOCOL_HTTP),
    ROW("PRI * HTTP/2.0\r\n", PROTOCOL_HTTP),
    ROW("GE", PROTOCOL_OTHER),
    ROW("GETX", PROTOCOL_OTHER),
    ROW("get / ", PROTOCOL_OTHER),
    ROW("SSH-2.0-OpenSSH", PROTOCOL_SSH),
    ROW("\0\0\0\x08\x04\xd2\x16\x2f", PROTOCOL_POSTGRESQL),
    ROW("\0\0\0\x08\x04\xd2\x16\x30", PROTOCOL_POSTGRESQL),
    ROW("\0\0\0\x29\0\x03\0\0user", PROTOCOL_POSTGRESQL),
    ROW("\0\0\0\x29\0\x03\0", PROTOCOL_OTHER),
    ROW("\0\0\0\x07\0\x03\0\0", PROTOCOL_OTHER),
    ROW("\x7f\xff\xff\xff\0\x03\0\0", PROTOCOL_OTHER),
    ROW("PROXY TCP4 192.0.2.1", PROTOCOL_PROXY),
    ROW("\r\n\r\n\0\r\nQUIT\n\x21\x11", PROTOCOL_PROXY),
    ROW("\x03\0\0\x13\x0e\xe0\0\0", PROTOCOL_RDP),
    ROW("EHLO mail.example\r\n", PROTOCOL_SMTP),
    ROW("PING\r\n", PROTOCOL_REDIS),
    ROW("*1\r\n$4\r\nPING\r\n", PROTOCOL_REDIS),
    ROW("*12\r\n", PROTOCOL_REDIS),
    ROW("*0", PROTOCOL_OTHER),
    ROW("\x30\x0c\x02\x01\x01\x60\x07", PROTOCOL_LDAP),
    ROW("\x30\x84\0\0\0\x0c\x02\x01\x01", PROTOCOL_LDAP),
    ROW("\x30\xff\x02\x01\x01", PROTOCOL_OTHER),
    ROW("\x10\x10\0\x04MQTT\x04", PROTOCOL_MQTT),
    ROW("\x10\x80\x01\0\x06MQIsdp", PROTOCOL_MQTT),
    ROW("AMQP\0\0\x09\x01", PROTOCOL_AMQP),
    ROW("<?xml version='1.0'?>", PROTOCOL_XMPP),
    ROW("<stream:stream to='x'", PROTOCOL_XMPP),
    /* Servers. */
    ROW("HTTP/1.1 400 Bad Request\r\n", PROTOCOL_HTTP),
    ROW("220 mx ESMTP\r\n", PROTOCOL_SMTP),
    ROW("220-mx.example ESMTP\r\n", PROTOCOL_SMTP),
    ROW("220 ProFTPD\r\n", PROTOCOL_FTP),
    ROW("220 ready\r\n", PROTOCOL_SMTP_OR_FTP),
    ROW("220 \nSMTP", PROTOCOL_SMTP_OR_FTP),
    ROW("* OK [CAPABILITY", PROTOCOL_IMAP),
    ROW("+OK Dovecot ready.\r\n", PROTOCOL_POP3),
    ROW("+OK\r\n", PROTOCOL_REDIS),
    ROW("-ERR unknown command\r\n", PROTOCOL_REDIS),
    ROW("\x4a\0\0\0\x0a" "8.0.36", PROTOCOL_MYSQL),
    ROW("RFB 003.008\n", PROTOCOL_VNC),
    ROW("hello", PROTOCOL_OTHER),
    ROW("\xff\xff\xff\xff", PROTOCOL_OTHER),
};

ParameterizedTestParameters(protocol, is_told_by_its_first_bytes)
{
    return cr_make_param_array(
        struct row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct row *row, protocol, is_told_by_its_first_bytes)
{
    cr_expect_eq(protocol_of((const uint8_t *)row->bytes, row->size),
        row->protocol, "%s", row->bytes);
}

/* A client that has said so much may yet become one of the six. */
Test(protocol, waits_while_it_may_become_another)
{
    static const struct { const char *bytes; size_t size; bool may; } cases[] = {
        { LIT(""), true }, { LIT("S"), true }, { LIT("SSH"), true },
        { LIT("SSH-"), false }, { LIT("SSX"), false }, { LIT("GET"), true },
        { LIT("GET "), false }, { LIT("get"), false }, { LIT("PRO"), true },
        { LIT("\r\n\r\n\0"), true }, { LIT("\r\n\r\nx"), false },
        { LIT("\0\0\0\x08\x04\xd2\x16"), true },
        { LIT("\0\0\0\x08\x04\xd2\x16\x2f"), false },
        { LIT("\0\1"), false }, { LIT("\x03"), true },
        { LIT("\x03\0\0\x13\x0e"), true },
        { LIT("\x03\0\0\x13\x0e\xe0"), false }, { LIT("\x03\1"), false },
        { LIT("\x80\x2e"), true }, { LIT("\x80\x2e\2"), false },
        { LIT("\x16"), false }, { LIT("\x16\2"), false },
        { LIT("\x10\x10"), false },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect_eq(protocol_may_become((const uint8_t *)cases[i].bytes,
                         cases[i].size),
            cases[i].may, "%zu: %s", i, cases[i].bytes);
}

/* Each prefix is in memory of its own, so that a sanitizer notices a read
 * behind it. */
Test(protocol, reads_no_further_than_the_bytes)
{
    size_t i, size;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (size = 0; size <= rows[i].size; size++) {
            uint8_t *copy = malloc(size + (size == 0));

            cr_assert_not_null(copy);
            memcpy(copy, rows[i].bytes, size);
            (void)protocol_of(copy, size);
            (void)protocol_may_become(copy, size);
            free(copy);
        }
}

Test(protocol, has_a_name_unless_it_is_unknown)
{
    int one;

    for (one = PROTOCOL_TLS; one <= PROTOCOL_XMPP; one++)
        cr_expect_eq(protocol_name((enum protocol)one) == NULL,
            one == PROTOCOL_OTHER, "%d", one);
}
