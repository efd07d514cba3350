/*
 * Whose certificate it is, for the log: subject, alternative names and serial
 * number.
 *
 * A certificate may hold any bytes.  The texts have none below a space and no
 * DEL; what is beyond ASCII is UTF-8 or the certificate's own bytes, and a line
 * of the log escapes it like everything else that a peer sends.
 */
#ifndef TLS_TLS_IDENTITY_H
#define TLS_TLS_IDENTITY_H

#include <openssl/types.h>

enum {
    TLS_IDENTITY_SUBJECT_SIZE = 256,
    TLS_IDENTITY_NAMES_SIZE = 256,
    TLS_IDENTITY_SERIAL_SIZE = 48, /* 20 bytes in hex: RFC 5280 4.1.2.2 */
};

/* What is cut for being too long ends with "...". */
struct tls_identity {
    char subject[TLS_IDENTITY_SUBJECT_SIZE]; /* as RFC 4514 has it; "": none */
    char names[TLS_IDENTITY_NAMES_SIZE];   /* "DNS:a,IP:192.0.2.1"; "": none */
    char serial[TLS_IDENTITY_SERIAL_SIZE]; /* as openssl-x509(1) prints it */
};

/* Fills `identity`.  Of the alternative names it has those that TLS peers are
 * known by: DNS names, addresses, URIs and mail addresses; a comma in a name
 * stands behind a backslash. */
void tls_identity_read(const X509 *cert, struct tls_identity *identity);

#endif
