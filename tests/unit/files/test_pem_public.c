/* What is left of a file that holds secrets, whatever its layout. */
#include "files/pem_public.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/base.h"

#define BEGIN(label) "-----BEGIN " label "-----\n"
#define END(label) "-----END " label "-----\n"
#define BLOCK(label, body) BEGIN(label) body END(label)
#define CERT BLOCK("CERTIFICATE", "Q0VSVA==\n")
#define CRL BLOCK("X509 CRL", "Q1JM\n")

/* Base64 that must not be seen. */
#define SECRET "c2VjcmV0\n"
#define KEY BLOCK("PRIVATE KEY", SECRET)

static void
expect(const char *text, size_t length, const char *want)
{
    size_t wanted = strlen(want);
    char *copy = malloc(length + 1);

    cr_assert_not_null(copy);
    cr_assert_eq(pem_public_copy(text, length, NULL), wanted, "%s", text);
    cr_assert_eq(pem_public_copy(text, length, copy), wanted, "%s", text);
    cr_expect_eq(memcmp(copy, want, wanted), 0, "%s", text);
    cr_expect_null(memmem(copy, wanted, SECRET, sizeof(SECRET) - 2), "%s",
        text);
    free(copy);
}

Test(file_public, keeps_certificates_and_lists)
{
    static const char *const same[] = {
        "", CERT, CRL, CERT CRL CERT,
        BLOCK("TRUSTED CERTIFICATE", "QQ==\n"),
        BLOCK("X509 CERTIFICATE", "QQ==\n"),
        BLOCK("CERTIFICATE", ""),
        BLOCK("CERTIFICATE", "\nQUFB\n\nQUFB\n"),
        BLOCK("CERTIFICATE", "QUFB  \nQUFB\t\n"),
        "-----BEGIN CERTIFICATE-----\r\nQUFB\r\n-----END CERTIFICATE-----\r\n",
        "-----BEGIN CERTIFICATE-----  \nQUFB\n-----END CERTIFICATE-----\t\n",
        "-----BEGIN CERTIFICATE-----\nQUFB\n-----END CERTIFICATE-----",
    };

    for (size_t i = 0; i < COUNT(same); i++)
        expect(same[i], strlen(same[i]), same[i]);
}

Test(file_public, keeps_nothing_else)
{
    static const struct { const char *text, *want; } cases[] = {
        { "c2VjcmV0\n", "" },
        { "c2VjcmV0", "" },
        { "\n\n\n", "" },
        { KEY, "" },
        { KEY CERT, CERT },
        { CERT KEY, CERT },
        { CERT KEY CERT, CERT CERT },
        { KEY CERT KEY CRL KEY, CERT CRL },
        { CERT SECRET, CERT },
        { SECRET CERT SECRET, CERT },
        { "subject=/CN=x\nissuer=y\n" CERT "# end\n", CERT },
        { CERT BLOCK("RSA PRIVATE KEY", SECRET), CERT },
        { CERT BLOCK("EC PRIVATE KEY", SECRET), CERT },
        { CERT BLOCK("ENCRYPTED PRIVATE KEY", SECRET), CERT },
        { CERT BLOCK("OPENSSH PRIVATE KEY", SECRET), CERT },
        { CERT BLOCK("EC PARAMETERS", SECRET), CERT },
        { CERT BLOCK("DH PARAMETERS", SECRET), CERT },
        { CERT BLOCK("PKCS12", SECRET), CERT },
        { CERT BLOCK("", SECRET), CERT },
        { CERT BLOCK("CERTIFICATE REQUEST", SECRET), CERT },
        { CERT BLOCK("OTHER CERTIFICATE", SECRET), CERT },
        { CERT BLOCK("certificate", SECRET), CERT },
        { CERT BLOCK("CERTIFICATE ", SECRET), CERT },
        { BLOCK("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\n"
          "DEK-Info: AES-256-CBC,00\n\n" SECRET) CERT, CERT },

        /* Not ended, or not begun. */
        { BEGIN("CERTIFICATE") SECRET, "" },
        { "-----BEGIN CERTIFICATE-----", "" },
        { BEGIN("CERTIFICATE") "c2VjcmV0", "" },
        { BEGIN("CERTIFICATE") SECRET "-----END CERTIFICATE", "" },
        { BEGIN("CERTIFICATE") SECRET "-----END CERTIFICATE----", "" },
        { SECRET END("CERTIFICATE"), "" },
        { BEGIN("PRIVATE KEY") SECRET, "" },
        { BEGIN("PRIVATE KEY") SECRET CERT, CERT },
        { BEGIN("PRIVATE KEY") CERT SECRET END("PRIVATE KEY"), CERT },
        { CERT SECRET END("PRIVATE KEY"), CERT },

        /* One in another. */
        { BEGIN("CERTIFICATE") KEY END("CERTIFICATE"), "" },
        { BEGIN("CERTIFICATE") "QUFB\n" KEY "QUFB\n" END("CERTIFICATE"), "" },
        { BEGIN("CERTIFICATE") KEY CERT, CERT },
        { BEGIN("CERTIFICATE") SECRET CERT, CERT },
        { BEGIN("CERTIFICATE") BEGIN("PRIVATE KEY") SECRET END("CERTIFICATE"),
          "" },
        { BEGIN("CERTIFICATE") SECRET END("PRIVATE KEY") END("CERTIFICATE"),
          "" },
        { BEGIN("CERTIFICATE") SECRET END("X509 CRL"), "" },
        { BEGIN("X509 CRL") SECRET END("CERTIFICATE"), "" },
        { BEGIN("PRIVATE KEY") BEGIN("CERTIFICATE") SECRET END("PRIVATE KEY"),
          "" },

        /* What is no body. */
        { BLOCK("CERTIFICATE", "Proc-Type: 4,ENCRYPTED\n\n" SECRET), "" },
        { BLOCK("CERTIFICATE", "pass phrase\n" SECRET), "" },
        { BLOCK("CERTIFICATE", SECRET "-\n"), "" },
        { BLOCK("CERTIFICATE", " " SECRET), "" },
        { BLOCK("CERTIFICATE", SECRET "\xc3\xa4\n"), "" },
        { BLOCK("CERTIFICATE", SECRET "QUFB\rQUFB\n"), "" },

        /* Lines that are none of a block's. */
        { " " BLOCK("CERTIFICATE", SECRET), "" },
        { "x" BLOCK("CERTIFICATE", SECRET), "" },
        { "-" BLOCK("CERTIFICATE", SECRET), "" },
        { "-----BEGIN CERTIFICATE----- x\n" SECRET END("CERTIFICATE"), "" },
        { "-----BEGIN  CERTIFICATE-----\n" SECRET END("CERTIFICATE"), "" },
        { "-----BEGIN CERTIFICATE-----" SECRET END("CERTIFICATE"), "" },
        { "-----BEGIN CERTIFICATE-----\rc2VjcmV0\r-----END CERTIFICATE-----\r",
          "" },
        { BEGIN("CERTIFICATE") SECRET " " END("CERTIFICATE"), "" },
        { "-----BEGIN PRIVATE KEY-----\r\nc2VjcmV0\r\n"
          "-----END PRIVATE KEY-----\r\n" CERT, CERT },
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        expect(cases[i].text, strlen(cases[i].text), cases[i].want);
}

Test(file_public, a_nul_is_nothing_special)
{
    static const char in_body[] = BEGIN("CERTIFICATE") "QUFB\0" SECRET
        END("CERTIFICATE") CERT;
    static const char in_label[] = "-----BEGIN CERTIFICATE\0-----\n" SECRET
        END("CERTIFICATE") CERT;
    static const char at_end[] = "-----BEGIN CERTIFICATE-----\0\n" SECRET
        END("CERTIFICATE") CERT;

    expect(in_body, sizeof(in_body) - 1, CERT);
    expect(in_label, sizeof(in_label) - 1, CERT);
    expect(at_end, sizeof(at_end) - 1, CERT);
}

/* At whatever byte a file breaks off. */
Test(file_public, cut_files_lose_secrets_all_the_same)
{
    static const char text[] = CERT KEY CERT;
    size_t one = sizeof(CERT) - 1, both = sizeof(CERT KEY CERT) - 1;

    for (size_t i = 0; i <= both; i++) {
        char *exact = malloc(i + 1);
        const char *want = i + 1 < one ? "" : i == both ? CERT CERT : CERT;
        char cut[2 * sizeof(CERT)];

        cr_assert_not_null(exact);
        memcpy(exact, text, i);
        snprintf(cut, sizeof(cut), "%s", want);
        if (i == one - 1)
            cut[i] = '\0';
        if (i == both - 1)
            snprintf(cut, sizeof(cut), CERT "%.*s", (int)one - 1, CERT);
        expect(exact, i, cut);
        free(exact);
    }
}

/* A file of one block's beginnings must not take a square of the time. */
Test(file_public, is_quick_with_large_files, .timeout = 20)
{
    size_t length = (size_t)32 << 20;
    char *text = malloc(length + 1);
    const char *begin = BEGIN("CERTIFICATE");

    cr_assert_not_null(text);
    for (size_t i = 0; i < length; i++)
        text[i] = i % 65 == 64 ? '\n' : 'A';
    memcpy(text, begin, strlen(begin));
    cr_expect_eq(pem_public_copy(text, length, NULL), 0);
    for (size_t i = 0; i + strlen(begin) <= length; i += strlen(begin))
        memcpy(text + i, begin, strlen(begin));
    cr_expect_eq(pem_public_copy(text, length, NULL), 0);
    free(text);
}
