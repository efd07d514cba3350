#include "base/number.h"

#include <criterion/criterion.h>

Test(number, judges_text)
{
    static const struct {
        const char *in;
        bool good;
        uint64_t want;
    } cases[] = {
        { "0", true, 0 },
        { "42", true, 42 },
        { "0042", true, 42 },
        { "18446744073709551615", true, UINT64_MAX },
        { "18446744073709551616", false, 0 },
        { "184467440737095516150", false, 0 },
        { "", false, 0 },
        { "-1", false, 0 },
        { "+1", false, 0 },
        { " 1", false, 0 },
        { "1 ", false, 0 },
        { "1\n", false, 0 },
        { "1k", false, 0 },
        { "0x1", false, 0 },
        { "1e3", false, 0 },
        { "\xd9\xa1", false, 0 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t value = 4711;
        bool good = number_parse(cases[i].in, &value);

        cr_expect_eq(good, cases[i].good, "\"%s\"", cases[i].in);
        cr_expect_eq(value, good ? cases[i].want : 4711, "\"%s\"",
            cases[i].in);
    }
}
