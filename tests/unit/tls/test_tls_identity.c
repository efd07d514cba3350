#include "tls/tls_identity.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/base.h"
#include "pki.h"

enum { MANY_BYTES = 5000 };

static struct tls_identity
identity_of(const struct pki_spec *spec)
{
    struct pki made = pki_make(spec, NULL);
    struct tls_identity identity;

    tls_identity_read(made.cert, &identity);
    pki_free(&made);
    return identity;
}

Test(tls_identity, names_subject_and_alternatives)
{
    static const struct {
        struct pki_spec spec;
        const char *subject, *names;
    } cases[] = {
        { { .cn = "app", .san = "DNS:app.example,IP:192.0.2.7" }, "CN=app",
            "DNS:app.example,IP:192.0.2.7" },
        { { .cn = NULL }, "", "" },
        { { .cn = "a", .san = "RID:1.2.3.4" }, "CN=a", "" },
        { { .cn = NULL, .san = "RID:1.2.3.4,URI:spiffe://x/y,IP:2001:db8::1,"
            "email:a@b.example" }, "",
            "URI:spiffe://x/y,IP:2001:db8::1,email:a@b.example" },
        /* A name that would look like two, or like an escape. */
        { { .cn = "a,O=b" }, "CN=a\\,O=b", "" },
        { { .dns = "x,DNS:y", .dns_length = 7 }, "", "DNS:x\\,DNS:y" },
        { { .dns = "x\\2C", .dns_length = 4 }, "", "DNS:x\\\\2C" },
        /* Bytes that end a text or a line. */
        { { .cn = "a\0b", .cn_length = 3, .dns = "a\0b", .dns_length = 3 },
            "CN=a\\00b", "DNS:a\\00b" },
        { { .cn = "\n\x1b\x7f", .dns = "\r\x7f", .dns_length = 2 },
            "CN=\\0A\\1B\\7F", "DNS:\\0D\\7F" },
        /* Letters beyond ASCII: the log escapes them. */
        { { .cn = "M\xc3\xbcller", .dns = "\xff", .dns_length = 1 },
            "CN=M\xc3\xbcller", "DNS:\xff" },
        { { .dns = "", .dns_length = 0 }, "", "DNS:" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct tls_identity identity = identity_of(&cases[i].spec);

        cr_expect_str_eq(identity.subject, cases[i].subject);
        cr_expect_str_eq(identity.names, cases[i].names);
    }
}

static bool
is_cut(const char *text, size_t size)
{
    size_t length = strlen(text);

    return length < size && length + 4 > size - 4 &&
        strcmp(text + length - 3, "...") == 0;
}

Test(tls_identity, cuts_what_is_long)
{
    char san[MANY_BYTES] = "DNS:name0.example", cn[64], dns[MANY_BYTES];
    struct tls_identity identity;

    for (int i = 1; i < 150; i++)
        snprintf(san + strlen(san), sizeof(san) - strlen(san),
            ",DNS:name%d.example", i);
    identity = identity_of(&(struct pki_spec){ .cn = "a", .san = san });
    cr_expect(strncmp(identity.names, "DNS:name0.example,DNS:name1", 27) == 0);
    cr_expect_str_eq(identity.names + strlen(identity.names) - 3, "...");

    memset(dns, '\n', sizeof(dns));
    memset(cn, 1, sizeof(cn));
    identity = identity_of(&(struct pki_spec){ .cn = cn,
        .cn_length = sizeof(cn), .dns = dns, .dns_length = sizeof(dns) });
    cr_expect(is_cut(identity.names, sizeof(identity.names)));
    cr_expect_eq(strlen(identity.subject), 3 + 3 * sizeof(cn));
}

/* OpenSSL parses no certificate whose strings are not what their types say; but
 * a subject may hold values of other types. */
Test(tls_identity, takes_any_type_of_value)
{
    static const struct {
        int type;
        const char *bytes;
        int length;
        const char *subject;
    } cases[] = {
        { V_ASN1_T61STRING, "a\xfc\n", 3, "CN=a\xc3\xbc\\0A" },
        { V_ASN1_BMPSTRING, "\0a\0\0\x20\x2e", 6,
            "CN=a\\00\xe2\x80\xae" },
        { V_ASN1_BIT_STRING, "a\n", 2, "CN=#030301610A" },
    };
    struct pki made = pki_make(&(struct pki_spec){ .cn = "x" }, NULL);

    for (size_t i = 0; i < COUNT(cases); i++) {
        X509_NAME *name = X509_NAME_new();
        struct tls_identity identity;

        cr_assert_eq(X509_NAME_add_entry_by_NID(name, NID_commonName,
            cases[i].type, (const unsigned char *)cases[i].bytes,
            cases[i].length, -1, 0), 1, "%zu", i);
        cr_assert_eq(X509_set_subject_name(made.cert, name), 1);
        tls_identity_read(made.cert, &identity);
        cr_expect_str_eq(identity.subject, cases[i].subject);
        X509_NAME_free(name);
    }
    pki_free(&made);
}

Test(tls_identity, writes_serial_numbers)
{
    static const struct {
        const char *hex; /* as ASN.1 has the number; may be negative */
        const char *text;
    } cases[] = {
        { "00", "00" },
        { "0F", "0F" },
        { "1000", "1000" },
        { "-05", "-05" },
        { "FFEEDDCCBBAA99887766554433221100FFEEDDCC",
            "FFEEDDCCBBAA99887766554433221100FFEEDDCC" },
    };
    struct pki made = pki_make(&(struct pki_spec){ .cn = "x" }, NULL);
    struct tls_identity identity;

    for (size_t i = 0; i < COUNT(cases); i++) {
        ASN1_INTEGER *serial = s2i_ASN1_INTEGER(NULL, "0");
        BIGNUM *number = NULL;

        cr_assert(BN_hex2bn(&number, cases[i].hex));
        cr_assert_not_null(BN_to_ASN1_INTEGER(number, serial));
        cr_assert_eq(X509_set_serialNumber(made.cert, serial), 1);
        tls_identity_read(made.cert, &identity);
        cr_expect_str_eq(identity.serial, cases[i].text);
        BN_free(number);
        ASN1_INTEGER_free(serial);
    }
    pki_free(&made);
}

/* RFC 5280 allows 20 bytes, and nothing keeps a CA to it. */
Test(tls_identity, cuts_a_long_serial_number)
{
    struct pki made = pki_make(&(struct pki_spec){ .cn = "x" }, NULL);
    unsigned char bytes[MANY_BYTES];
    struct tls_identity identity;

    memset(bytes, 0xab, sizeof(bytes));
    cr_assert(ASN1_STRING_set(X509_get_serialNumber(made.cert), bytes,
        sizeof(bytes)));
    tls_identity_read(made.cert, &identity);
    cr_expect(is_cut(identity.serial, sizeof(identity.serial)));
    cr_expect_eq(strncmp(identity.serial, "ABABAB", 6), 0);
    pki_free(&made);
}
