/* Keys and fingerprints that need the secret. */
#include "tls/tls_secret.h"

#include <criterion/criterion.h>

#include <openssl/err.h>

#include <string.h>

#include "base/base.h"
#include "base/error.h"
#include "files/files.h"

_Static_assert((int)TLS_PRINT_BYTES == (int)FILE_PRINT_BYTES,
    "a print is as long as the files want it");

static struct tls_secret
made(void)
{
    struct error error = { .count = 0 };
    struct tls_secret secret;

    cr_assert(tls_secret_make(&secret, &error));
    return secret;
}

Test(tls_secret, differs_every_time)
{
    struct tls_secret one = made(), two = made();

    cr_expect(memcmp(&one, &two, sizeof(one)) != 0);
}

/* By another implementation, of RFC 5869 and RFC 2104. */
Test(tls_secret, prints_as_the_standards_say)
{
    static const unsigned char want[TLS_PRINT_BYTES] = {
        0x87, 0x1d, 0x2b, 0xf4, 0x53, 0x1c, 0x8e, 0x5f,
        0xa1, 0x5e, 0xef, 0xe3, 0x3a, 0x33, 0x30, 0x95,
        0xde, 0x29, 0x2d, 0x75, 0x2c, 0x29, 0x71, 0xc2,
        0xe0, 0xdf, 0x76, 0xf8, 0xf3, 0x0f, 0x2b, 0xdc,
    };
    files_print_fn *print = tls_secret_print;
    struct tls_secret secret;
    unsigned char got[TLS_PRINT_BYTES];

    for (size_t i = 0; i < sizeof(secret.bytes); i++)
        secret.bytes[i] = (unsigned char)i;
    cr_assert(print(&secret, "passphrase\n", 11, got));
    cr_expect_arr_eq(got, want, sizeof(want));
    cr_expect_eq(ERR_peek_error(), 0);
}

Test(tls_secret, prints_tell_contents_and_secrets_apart)
{
    static const struct {
        bool other;
        const char *text;
        size_t length;
        bool same;
    } cases[] = {
        { false, "text", 4, true },
        { false, "text", 3, false },
        { false, "text", 5, false },
        { false, "texu", 4, false },
        { false, "", 0, false },
        { true, "text", 4, false },
    };
    struct tls_secret secrets[] = { made(), made() };
    unsigned char first[TLS_PRINT_BYTES], got[TLS_PRINT_BYTES];

    cr_assert(tls_secret_print(&secrets[0], "text", 4, first));
    for (size_t i = 0; i < COUNT(cases); i++) {
        cr_assert(tls_secret_print(&secrets[cases[i].other], cases[i].text,
            cases[i].length, got));
        cr_expect_eq(memcmp(got, first, sizeof(got)) == 0, cases[i].same,
            "case %zu", i);
    }
}

Test(tls_secret, derives_for_each_purpose_alone)
{
    struct tls_secret secret = made();
    unsigned char one[64], two[64];

    cr_assert(tls_secret_derive(&secret, "one", 3, one, sizeof(one)));
    cr_assert(tls_secret_derive(&secret, "two", 3, two, sizeof(two)));
    cr_expect(memcmp(one, two, sizeof(one)) != 0);
    cr_assert(tls_secret_derive(&secret, "one", 3, two, sizeof(two)));
    cr_expect_arr_eq(one, two, sizeof(one));
}
