#include "tls/tls_certificate.h"

#include <arpa/inet.h>

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "base/escape.h"

static void
escape_string(char *text, size_t size, const ASN1_STRING *string)
{
    escape_bytes(text, size, ASN1_STRING_get0_data(string),
        (size_t)ASN1_STRING_length(string), ESCAPE_VALUE);
}

/* BMPString and the like hold more than one byte for each letter. */
static void
escape_as_utf8(char *text, size_t size, const ASN1_STRING *string)
{
    unsigned char *utf8 = NULL;
    int length = ASN1_STRING_to_UTF8(&utf8, string);

    if (length < 0)
        escape_string(text, size, string);
    else
        escape_bytes(text, size, utf8, (size_t)length, ESCAPE_VALUE);
    OPENSSL_free(utf8);
}

/* The last common name is the most specific one.  NULL: there is none. */
static const ASN1_STRING *
common_name(const X509_NAME *name)
{
    int at = -1, next;

    while ((next = X509_NAME_get_index_by_NID(name, NID_commonName, at)) >= 0)
        at = next;
    if (at < 0)
        return NULL;
    return X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
}

static void
whole_name(const X509_NAME *name, char text[TLS_NAME_SIZE])
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    long length;

    if (bio != NULL &&
        X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) > 0 &&
        (length = BIO_get_mem_data(bio, &data)) > 0)
        escape_bytes(text, TLS_NAME_SIZE, data, (size_t)length,
            ESCAPE_MESSAGE);
    BIO_free(bio);
}

const char *
tls_certificate_name(const X509_NAME *name, char text[TLS_NAME_SIZE])
{
    const ASN1_STRING *common = common_name(name);

    snprintf(text, TLS_NAME_SIZE, "no name");
    if (common != NULL) {
        snprintf(text, TLS_NAME_SIZE, "CN=");
        escape_as_utf8(text + 3, TLS_NAME_SIZE - 3, common);
    } else if (X509_NAME_entry_count(name) > 0) {
        whole_name(name, text);
    }
    ERR_clear_error();
    return text;
}

static bool
format_ip(char *text, size_t size, const ASN1_OCTET_STRING *ip)
{
    int length = ASN1_STRING_length(ip);

    if (length != 4 && length != 16)
        return false;
    return inet_ntop(length == 4 ? AF_INET : AF_INET6,
        ASN1_STRING_get0_data(ip), text, (socklen_t)size) != NULL;
}

/* False: empty, or a kind of name that no TLS peer is verified by. */
static bool
format_alternative(char *text, size_t size, const GENERAL_NAME *name)
{
    int kind;
    const void *value = GENERAL_NAME_get0_value(name, &kind);

    switch (kind) {
    case GEN_DNS:
    case GEN_URI:
    case GEN_EMAIL:
        escape_string(text, size, value);
        return text[0] != '\0';
    case GEN_IPADD:
        return format_ip(text, size, value);
    default:
        return false;
    }
}

static GENERAL_NAMES *
alternative_names(const X509 *cert)
{
    return X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
}

const char *
tls_certificate_names(const X509 *cert, char text[TLS_NAMES_SIZE])
{
    static const char more[] = ", ...";
    GENERAL_NAMES *names = alternative_names(cert);
    char one[TLS_NAME_SIZE];
    size_t length = 0;

    text[0] = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        if (!format_alternative(one, sizeof(one),
            sk_GENERAL_NAME_value(names, i)))
            continue;
        if (length + 2 + strlen(one) + sizeof(more) > TLS_NAMES_SIZE) {
            snprintf(text + length, TLS_NAMES_SIZE - length, "%s", more);
            break;
        }
        length += (size_t)snprintf(text + length, TLS_NAMES_SIZE - length,
            "%s%s", length > 0 ? ", " : "", one);
    }
    if (text[0] == '\0')
        snprintf(text, TLS_NAMES_SIZE, "no name");
    GENERAL_NAMES_free(names);
    ERR_clear_error();
    return text;
}

bool
tls_certificate_has_names(const X509 *cert)
{
    GENERAL_NAMES *names = alternative_names(cert);
    bool found = false;

    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++) {
        int kind;

        (void)GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &kind);
        found = kind == GEN_DNS || kind == GEN_IPADD || kind == GEN_URI;
    }
    GENERAL_NAMES_free(names);
    ERR_clear_error();
    return found;
}

static bool
see_common_name(
    const X509 *cert, tls_certificate_host_fn *see, void *arg)
{
    const ASN1_STRING *name = common_name(X509_get_subject_name(cert));
    unsigned char *utf8 = NULL;
    int length = name != NULL ? ASN1_STRING_to_UTF8(&utf8, name) : -1;
    bool good = length <= 0 ||
        see((const char *)utf8, (size_t)length, false, arg);

    OPENSSL_free(utf8);
    ERR_clear_error();
    return good;
}

bool
tls_certificate_hosts(
    const X509 *cert, tls_certificate_host_fn *see, void *arg)
{
    GENERAL_NAMES *names = alternative_names(cert);
    bool good = true, found = false;

    for (int i = 0; good && i < sk_GENERAL_NAME_num(names); i++) {
        int kind;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(
            sk_GENERAL_NAME_value(names, i), &kind);

        if (kind != GEN_DNS && kind != GEN_IPADD)
            continue;
        found = true;
        good = see((const char *)ASN1_STRING_get0_data(value),
            (size_t)ASN1_STRING_length(value), kind == GEN_IPADD, arg);
    }
    GENERAL_NAMES_free(names);
    ERR_clear_error();
    return good && (found || see_common_name(cert, see, arg));
}

static bool
is_http_address(const GENERAL_NAME *name)
{
    static const char scheme[] = "http";
    int kind;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &kind);
    int length = (int)sizeof(scheme) - 1;

    return kind == GEN_URI && ASN1_STRING_length(value) > length &&
        strncasecmp((const char *)ASN1_STRING_get0_data(value), scheme,
            (size_t)length) == 0;
}

bool
tls_certificate_offers_issuer(const X509 *cert)
{
    AUTHORITY_INFO_ACCESS *places =
        X509_get_ext_d2i(cert, NID_info_access, NULL, NULL);
    bool found = false;

    for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(places) && !found; i++) {
        const ACCESS_DESCRIPTION *place =
            sk_ACCESS_DESCRIPTION_value(places, i);

        found = OBJ_obj2nid(place->method) == NID_ad_ca_issuers &&
            is_http_address(place->location);
    }
    AUTHORITY_INFO_ACCESS_free(places);
    ERR_clear_error();
    return found;
}

const char *
tls_certificate_subject(const X509 *cert, char text[TLS_NAME_SIZE])
{
    GENERAL_NAMES *names;
    bool named = false;

    if (common_name(X509_get_subject_name(cert)) == NULL) {
        names = alternative_names(cert);
        for (int i = 0; i < sk_GENERAL_NAME_num(names) && !named; i++)
            named = format_alternative(text, TLS_NAME_SIZE,
                sk_GENERAL_NAME_value(names, i));
        GENERAL_NAMES_free(names);
        ERR_clear_error();
    }
    if (!named)
        tls_certificate_name(X509_get_subject_name(cert), text);
    return text;
}

const char *
tls_certificate_serial(const X509 *cert, char text[TLS_SERIAL_SIZE])
{
    BIGNUM *number =
        ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
    char *digits = number != NULL ? BN_bn2hex(number) : NULL;
    int length = snprintf(
        text, TLS_SERIAL_SIZE, "%s", digits != NULL ? digits : "?");

    if (length >= TLS_SERIAL_SIZE)
        memcpy(text + TLS_SERIAL_SIZE - sizeof("..."), "...", sizeof("..."));
    OPENSSL_free(digits);
    BN_free(number);
    ERR_clear_error();
    return text;
}

/* The name that TLS has for it, if there is one. */
static const char *
curve_name(const char *group)
{
    const char *name = EC_curve_nid2nist(OBJ_txt2nid(group));

    return name != NULL ? name : group;
}

const char *
tls_certificate_key(const X509 *cert, char text[TLS_KEY_SIZE])
{
    const EVP_PKEY *key = X509_get0_pubkey(cert);
    const char *type = key != NULL ? EVP_PKEY_get0_type_name(key) : NULL;
    char group[TLS_KEY_SIZE - sizeof("EC ")] = "";
    size_t length;

    if (type == NULL)
        snprintf(text, TLS_KEY_SIZE, "unknown");
    else if (EVP_PKEY_get_group_name(key, group, sizeof(group), &length) == 1)
        snprintf(text, TLS_KEY_SIZE, "%.8s %s", type, curve_name(group));
    else if (strncmp(type, "RSA", 3) == 0)
        snprintf(text, TLS_KEY_SIZE, "%.16s %d", type, EVP_PKEY_get_bits(key));
    else
        snprintf(text, TLS_KEY_SIZE, "%s", type);
    ERR_clear_error();
    return text;
}

static bool
string_has_nul(const ASN1_STRING *string)
{
    unsigned char *utf8 = NULL;
    int length = ASN1_STRING_to_UTF8(&utf8, string);
    bool found = length > 0 && memchr(utf8, '\0', (size_t)length) != NULL;

    OPENSSL_free(utf8);
    return found;
}

static bool
alternative_has_nul(const GENERAL_NAME *name)
{
    int kind;
    const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &kind);

    if (kind != GEN_DNS && kind != GEN_URI && kind != GEN_EMAIL)
        return false;
    return ASN1_STRING_length(value) > 0 &&
        memchr(ASN1_STRING_get0_data(value), '\0',
            (size_t)ASN1_STRING_length(value)) != NULL;
}

bool
tls_certificate_has_nul(const X509 *cert)
{
    const X509_NAME *subject = X509_get_subject_name(cert);
    GENERAL_NAMES *names = alternative_names(cert);
    bool found = false;

    for (int i = 0; i < X509_NAME_entry_count(subject) && !found; i++)
        found = string_has_nul(
            X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, i)));
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++)
        found = alternative_has_nul(sk_GENERAL_NAME_value(names, i));
    GENERAL_NAMES_free(names);
    ERR_clear_error();
    return found;
}

int64_t
tls_certificate_time(const ASN1_TIME *when)
{
    struct tm broken;

    return ASN1_TIME_to_tm(when, &broken) == 1 ? timegm(&broken) : 0;
}

const char *
tls_certificate_day(int64_t when, char text[TLS_DATE_SIZE])
{
    time_t seconds = (time_t)when;
    struct tm tm;

    if (gmtime_r(&seconds, &tm) == NULL ||
        strftime(text, TLS_DATE_SIZE, "%Y-%m-%d", &tm) == 0)
        snprintf(text, TLS_DATE_SIZE, "at an unreadable date");
    return text;
}

const char *
tls_certificate_left(int64_t seconds, char text[TLS_LEFT_SIZE])
{
    static const struct { int64_t seconds; const char *name; } units[] = {
        { 24 * 60 * 60, "days" }, { 60 * 60, "hours" }, { 60, "minutes" },
    };
    size_t unit = 0;

    if (seconds < 90) {
        snprintf(text, TLS_LEFT_SIZE, "a minute");
        return text;
    }
    while (unit + 1 < COUNT(units) && seconds < 3 * units[unit].seconds / 2)
        unit++;
    snprintf(text, TLS_LEFT_SIZE, "%lld %s", (long long)
        ((seconds + units[unit].seconds / 2) / units[unit].seconds),
        units[unit].name);
    return text;
}

const char *
tls_certificate_date(const ASN1_TIME *when, char text[TLS_DATE_SIZE])
{
    struct tm tm;

    if (when == NULL || ASN1_TIME_to_tm(when, &tm) != 1 ||
        strftime(text, TLS_DATE_SIZE, "%Y-%m-%d", &tm) == 0)
        snprintf(text, TLS_DATE_SIZE, "at an unreadable date");
    ERR_clear_error();
    return text;
}
