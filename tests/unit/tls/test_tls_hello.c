#include "tls/tls_hello.h"

#include <string.h>

#include <criterion/criterion.h>

enum { WIRE_MAX = 64 };

static struct tls_hello hello;

static void
forget(void)
{
    hello = (struct tls_hello){ 0 };
}

TestSuite(tls_hello, .init = forget);

#define HELLO(hi, mid, lo) \
    { 22, 3, 1, 0, 6, 1, (hi), (mid), (lo), 3, 3 }

/* How a client begins, and what is thought of it. */
static const struct {
    uint8_t wire[WIRE_MAX];
    size_t size;
    bool good;
    uint32_t bytes;
} cases[] = {
    { HELLO(0, 0, 2), 11, true, 2 },
    { HELLO(0, 0x80, 0), 11, true, 0x8000 },
    { HELLO(0, 0x80, 1), 11, false, 0x8001 },
    { HELLO(0xff, 0xff, 0xff), 11, false, 0xffffff },
    { HELLO(1, 0, 0), 9, false, 0x10000 },    /* its first nine bytes */
    { HELLO(1, 0, 0), 8, true, 0 },           /* it is not known yet */
    /* The header in records of one byte, an empty one among them. */
    { { 22, 3, 1, 0, 1, 1, 22, 3, 1, 0, 1, 2, 22, 3, 1, 0, 0, 22, 3, 1, 0, 1,
          0, 22, 3, 1, 0, 1, 0 }, 29, false, 0x20000 },
    /* Another message: OpenSSL refuses it. */
    { { 22, 3, 1, 0, 4, 2, 0xff, 0xff, 0xff }, 9, true, 0xffffff },
    /* An alert, SSL 2, HTTP: no records to follow. */
    { { 21, 3, 1, 0, 2, 1, 0 }, 7, true, 0 },
    { { 0x80, 0x2e, 1, 3, 1, 0, 0x15, 1, 0xff, 0xff, 0xff }, 11, true, 0 },
    { "GET / HTTP/1.1\r\n\r\n", 18, true, 0 },
};

Test(tls_hello, is_judged_by_its_header)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        forget();
        cr_expect_eq(tls_hello_look(&hello, cases[i].wire, cases[i].size),
            cases[i].good, "case %zu", i);
        cr_expect_eq(tls_hello_bytes(&hello), cases[i].bytes, "case %zu", i);
    }
}

Test(tls_hello, may_come_byte_by_byte)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        bool good = true;

        forget();
        for (size_t j = 0; j < cases[i].size && good; j++)
            good = tls_hello_look(&hello, cases[i].wire + j, 1);
        cr_expect_eq(good, cases[i].good, "case %zu", i);
    }
}

/* Behind it come other records, and encrypted ones that look like anything. */
Test(tls_hello, is_the_only_message_judged)
{
    static const uint8_t first[] = { 22, 3, 1, 0, 4, 1, 0, 0, 0 };
    static const uint8_t others[] = { 20, 3, 3, 0, 1, 1, 22, 3, 3, 0, 4, 1,
        0xff, 0xff, 0xff, 23, 3, 3, 0, 4, 1, 0xff, 0xff, 0xff };

    cr_expect(tls_hello_look(&hello, first, sizeof(first)));
    cr_expect(tls_hello_look(&hello, others, sizeof(others)));
}

/* Between two hellos there may be a record that hides the version (RFC 8446
 * appendix D.4) and early data. */
Test(tls_hello, is_judged_again_after_a_retry)
{
    static const uint8_t first[] = { 22, 3, 1, 0, 4, 1, 0, 0, 0 };
    static const uint8_t between[] = { 20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 4, 1,
        0xff, 0xff, 0xff };
    static const uint8_t second[] = { 22, 3, 3, 0, 4, 1, 0xff, 0, 0 };

    cr_expect(tls_hello_look(&hello, first, sizeof(first)));
    tls_hello_again(&hello);
    cr_expect(tls_hello_look(&hello, between, sizeof(between)));
    cr_expect_not(tls_hello_look(&hello, second, sizeof(second)));
}

Test(tls_hello, knows_a_retry)
{
    uint8_t message[38] = { 2, 0, 0, 70, 3, 3,
        0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11,
        0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
        0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e,
        0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c };

    cr_expect(tls_hello_is_retry(message, sizeof(message)));
    cr_expect_not(tls_hello_is_retry(message, sizeof(message) - 1));
    cr_expect_not(tls_hello_is_retry(message, 0));
    message[20] ^= 1;
    cr_expect_not(tls_hello_is_retry(message, sizeof(message)));
}
