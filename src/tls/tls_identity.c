#include "tls/tls_identity.h"

#include <arpa/inet.h>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"

#define CUT_MARK "..."

/* RFC 4514, with letters beyond ASCII as they are: the log escapes them. */
#define NAME_FLAGS (XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB)

/* A text that grows up to a limit. */
struct writer {
    char *text;
    size_t size, length;
    bool cut;
};

static void
begin_text(struct writer *writer, char *text, size_t size)
{
    *writer = (struct writer){ .text = text, .size = size };
    text[0] = '\0';
}

/* All of `piece` or nothing; after the first that has no room nothing. */
static void
put_piece(struct writer *writer, const char *piece, size_t length)
{
    size_t room = writer->size - writer->length;

    writer->cut |= length + sizeof(CUT_MARK) > room;
    if (writer->cut)
        return;
    memcpy(writer->text + writer->length, piece, length);
    writer->length += length;
    writer->text[writer->length] = '\0';
}

static void
end_text(struct writer *writer)
{
    if (writer->cut)
        memcpy(writer->text + writer->length, CUT_MARK, sizeof(CUT_MARK));
}

/* What OpenSSL has escaped already. */
static void
put_bytes(struct writer *writer, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length && !writer->cut; i++)
        put_piece(writer, bytes + i, 1);
}

static void
read_subject(const X509 *cert, struct tls_identity *identity)
{
    BIO *bio = BIO_new(BIO_s_mem());
    struct writer writer;
    char *data;
    long length;

    begin_text(&writer, identity->subject, sizeof(identity->subject));
    if (bio != NULL &&
        X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, NAME_FLAGS) >=
            0 &&
        (length = BIO_get_mem_data(bio, &data)) > 0)
        put_bytes(&writer, data, (size_t)length);
    end_text(&writer);
    BIO_free(bio);
}

/* As RFC 4514 escapes a value: so that a name cannot look like two. */
static void
put_escaped_string(struct writer *writer, const ASN1_STRING *string)
{
    const unsigned char *bytes = ASN1_STRING_get0_data(string);
    int count = ASN1_STRING_length(string);
    char unit[4];
    int length;

    for (int i = 0; i < count && !writer->cut; i++) {
        if (bytes[i] < ' ' || bytes[i] == 0x7f)
            length = snprintf(unit, sizeof(unit), "\\%02X", bytes[i]);
        else if (bytes[i] == ',' || bytes[i] == '\\')
            length = snprintf(unit, sizeof(unit), "\\%c", bytes[i]);
        else
            length = snprintf(unit, sizeof(unit), "%c", bytes[i]);
        put_piece(writer, unit, (size_t)length);
    }
}

static void
put_ip_address(struct writer *writer, const ASN1_OCTET_STRING *ip)
{
    int family = ASN1_STRING_length(ip) == 4 ? AF_INET : AF_INET6;
    char text[INET6_ADDRSTRLEN];

    if (inet_ntop(family, ASN1_STRING_get0_data(ip), text, sizeof(text)) !=
        NULL)
        put_piece(writer, text, strlen(text));
}

/* As in x509v3_config(5).  NULL: no name that a TLS peer is known by. */
static const char *
kind_of_name(int kind, const ASN1_STRING *value)
{
    switch (kind) {
    case GEN_DNS:
        return "DNS:";
    case GEN_URI:
        return "URI:";
    case GEN_EMAIL:
        return "email:";
    case GEN_IPADD:
        return ASN1_STRING_length(value) == 4 ||
                ASN1_STRING_length(value) == 16
            ? "IP:"
            : NULL;
    default:
        return NULL;
    }
}

static void
put_alternative(struct writer *writer, const GENERAL_NAME *name)
{
    int kind;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &kind);
    const char *word = kind_of_name(kind, value);

    if (word == NULL)
        return;
    if (writer->length > 0)
        put_piece(writer, ",", 1);
    put_piece(writer, word, strlen(word));
    if (kind == GEN_IPADD)
        put_ip_address(writer, value);
    else
        put_escaped_string(writer, value);
}

static void
read_names(const X509 *cert, struct tls_identity *identity)
{
    GENERAL_NAMES *names =
        X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    struct writer writer;

    begin_text(&writer, identity->names, sizeof(identity->names));
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !writer.cut; i++)
        put_alternative(&writer, sk_GENERAL_NAME_value(names, i));
    end_text(&writer);
    GENERAL_NAMES_free(names);
}

static void
read_serial(const X509 *cert, struct tls_identity *identity)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
    const unsigned char *bytes = ASN1_STRING_get0_data(serial);
    int count = ASN1_STRING_length(serial);
    struct writer writer;
    char digits[3];

    begin_text(&writer, identity->serial, sizeof(identity->serial));
    if (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER)
        put_piece(&writer, "-", 1);
    if (count == 0)
        put_piece(&writer, "00", 2);
    for (int i = 0; i < count && !writer.cut; i++) {
        snprintf(digits, sizeof(digits), "%02X", bytes[i]);
        put_piece(&writer, digits, 2);
    }
    end_text(&writer);
}

void
tls_identity_read(const X509 *cert, struct tls_identity *identity)
{
    read_subject(cert, identity);
    read_names(cert, identity);
    read_serial(cert, identity);
    ERR_clear_error();
}
