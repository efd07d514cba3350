#include "tls/tls_certificate.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "pki.h"

Test(tls_certificate, names_what_has_no_name)
{
    const struct pki_spec specs[] = {
        { .cn = NULL }, { .dns = "", .dns_length = 0 },
    };
    char name[TLS_NAME_SIZE], names[TLS_NAMES_SIZE];
    struct pki cert;

    for (size_t i = 0; i < COUNT(specs); i++) {
        cert = pki_make(&specs[i], NULL);
        cr_expect_str_eq(tls_certificate_subject(cert.cert, name), "no name");
        cr_expect_str_eq(tls_certificate_names(cert.cert, names), "no name");
        pki_free(&cert);
    }
}

Test(tls_certificate, names_what_fits)
{
    struct pki cert;
    char san[4096] = "DNS:name0.example", text[TLS_NAMES_SIZE];

    for (int i = 1; i < 150; i++)
        snprintf(san + strlen(san), sizeof(san) - strlen(san),
            ",DNS:name%d.example", i);
    cert = pki_make(&(struct pki_spec){ .san = san }, NULL);
    tls_certificate_names(cert.cert, text);
    cr_expect(strncmp(text, "name0.example, name1.example, ", 30) == 0);
    cr_expect_str_eq(text + strlen(text) - 5, ", ...", "%s", text);
    cr_expect_lt(strlen(text), sizeof(text));
    pki_free(&cert);
}

Test(tls_certificate, chooses_what_to_call_it)
{
    static const struct {
        struct pki_spec spec;
        const char *name;
    } cases[] = {
        { { .cn = "leaf", .san = "DNS:a.example" }, "CN=leaf" },
        { { .cn = "b\xc3\xbc" }, "CN=b\\xc3\\xbc" },
        { { .cn = "\x7f\r\n" }, "CN=\\x7f\\x0d\\x0a" },
        { { .san = "DNS:a.example,DNS:b.example" }, "a.example" },
        { { .san = "IP:2001:db8::1" }, "2001:db8::1" },
        { { .san = "RID:1.2.3.4,URI:spiffe://x/y" }, "spiffe://x/y" },
    };
    char name[TLS_NAME_SIZE];
    struct pki cert;

    for (size_t i = 0; i < COUNT(cases); i++) {
        cert = pki_make(&cases[i].spec, NULL);
        cr_expect_str_eq(tls_certificate_subject(cert.cert, name),
            cases[i].name);
        pki_free(&cert);
    }
}

Test(tls_certificate, writes_dates)
{
    char text[TLS_DATE_SIZE];
    ASN1_TIME *time = ASN1_TIME_set(NULL, 1706745599);

    cr_expect_str_eq(tls_certificate_date(time, text), "2024-01-31");
    cr_expect_str_eq(tls_certificate_date(NULL, text),
        "at an unreadable date");
    ASN1_TIME_free(time);
}
