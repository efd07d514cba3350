/*
 * Certificates in words.  Names in a certificate may hold any bytes, so all
 * text that these functions make is escaped.
 */
#ifndef TLS_TLS_CERTIFICATE_H
#define TLS_TLS_CERTIFICATE_H

#include <openssl/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

enum { TLS_NAME_SIZE = 256, TLS_NAMES_SIZE = 512, TLS_DATE_SIZE = 32,
    TLS_LEFT_SIZE = 32, TLS_KEY_SIZE = 32,
    TLS_SERIAL_SIZE = 48 /* 20 bytes in hex: RFC 5280 4.1.2.2 */ };

/* From here on the end of a certificate is warned of. */
enum { TLS_CERT_ENDS_SOON_DAYS = 14 };

/* What to call it: "CN=...", else its first alternative name, else all of its
 * subject, else "no name".  Returns `text`. */
const char *tls_certificate_subject(const X509 *cert,
    char text[TLS_NAME_SIZE]);

/* The same from a name alone, such as the issuer's. */
const char *tls_certificate_name(const X509_NAME *name,
    char text[TLS_NAME_SIZE]);

/* The alternative names that a TLS peer can be verified by, "a.example,
 * *.b.example, 192.0.2.1", or "no name"; ends with "..." if there are more
 * than fit.  Returns `text`. */
const char *tls_certificate_names(const X509 *cert, char text[TLS_NAMES_SIZE]);

/* The serial number in hex, as openssl-x509(1) prints it; ends with "..." if it does
 * not fit.  Returns `text`. */
const char *tls_certificate_serial(
    const X509 *cert, char text[TLS_SERIAL_SIZE]);

/* What its key is: "RSA 2048", "EC P-256", "ED25519".  Returns `text`. */
const char *tls_certificate_key(const X509 *cert, char text[TLS_KEY_SIZE]);

/* True if a TLS client can verify it by a name: a DNS name, an address or a
 * URI. */
bool tls_certificate_has_names(const X509 *cert);

/* Calls `see` with each DNS name and each address (of 4 or 16 bytes) among the
 * alternative names, as raw bytes; of a certificate without any with its common
 * name, which old clients go by.  False: as `see` was. */
typedef bool tls_certificate_host_fn(
    const char *name, size_t length, bool is_address, void *arg);
NODISCARD bool tls_certificate_hosts(
    const X509 *cert, tls_certificate_host_fn *see, void *arg);

/* True if it says where to fetch the issuer's certificate by HTTP (RFC 5280
 * 4.2.2.1, caIssuers). */
bool tls_certificate_offers_issuer(const X509 *cert);

/* True if a name has a NUL byte in it, on which readers of C strings and
 * readers of ASN.1 disagree. */
bool tls_certificate_has_nul(const X509 *cert);

/* Seconds of time(2); 0 for what is no time. */
int64_t tls_certificate_time(const ASN1_TIME *when);

/* "2024-01-31", in UTC.  Returns `text`. */
const char *tls_certificate_date(const ASN1_TIME *when,
    char text[TLS_DATE_SIZE]);

/* The same of seconds of time(2).  Returns `text`. */
const char *tls_certificate_day(int64_t when, char text[TLS_DATE_SIZE]);

/* A span of time as one says it, rounded: "14 days", "23 hours", "5 minutes".
 * Returns `text`. */
const char *tls_certificate_left(int64_t seconds, char text[TLS_LEFT_SIZE]);

#endif
