#include "tls/tls_cert_list.h"

#include <criterion/criterion.h>

#include "base/base.h"

static const struct {
    uint8_t message[32];
    size_t size;
    bool is_1_3;
    unsigned count;
} cases[] = {
    /* TLS 1.2: header, length of the list, certificates. */
    { { 11, 0, 0, 3, 0, 0, 0 }, 7, false, 0 },
    { { 11, 0, 0, 7, 0, 0, 4, 0, 0, 1, 9 }, 11, false, 1 },
    { { 11, 0, 0, 12, 0, 0, 9, 0, 0, 1, 9, 0, 0, 2, 9, 9 }, 16, false, 2 },
    { { 11, 0, 0, 12, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, 16, false, 3 },
    /* TLS 1.3: a context first, extensions behind each certificate. */
    { { 11, 0, 0, 4, 0, 0, 0, 0 }, 8, true, 0 },
    { { 11, 0, 0, 10, 0, 0, 0, 6, 0, 0, 1, 9, 0, 0 }, 14, true, 1 },
    { { 11, 0, 0, 13, 1, 7, 0, 0, 8, 0, 0, 1, 9, 0, 2, 9, 9 }, 17, true, 1 },
    { { 11, 0, 0, 14, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, 18, true,
        2 },
    /* Cut anywhere: as far as it goes. */
    { { 11 }, 1, false, 0 },
    { { 11, 0, 0, 9 }, 4, true, 0 },
    { { 11, 0, 0, 9, 200, 1 }, 6, true, 0 },
    { { 11, 0, 0, 9, 0, 0, 9, 0, 0, 1, 9, 0, 0xff, 0xff, 9 }, 15, false, 1 },
    { { 11, 0, 0, 9, 0, 0, 0, 9, 0, 0, 1, 9, 0xff, 0xff, 9 }, 15, true, 1 },
};

Test(tls_cert_list, is_counted_as_written)
{
    for (size_t i = 0; i < COUNT(cases); i++)
        cr_expect_eq(tls_cert_list_count(cases[i].message, cases[i].size,
            cases[i].is_1_3), cases[i].count, "case %zu", i);
}

Test(tls_cert_list, is_bounded_by_the_depth)
{
    cr_expect_eq(tls_cert_list_most(0), 4);
    cr_expect_eq(tls_cert_list_most(5), 14);
    cr_expect_geq(tls_cert_list_bytes(5), 100 << 10);
    cr_expect_lt(tls_cert_list_bytes(1), tls_cert_list_bytes(5));
    cr_expect_leq(tls_cert_list_bytes(100), 256 << 10);
}
