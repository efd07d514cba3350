#include "base/number.h"

#include <criterion/criterion.h>

#include "base/base.h"
#include "number_cases.h"

Test(number, judges_text)
{
    static const struct number_case cases[] = {
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

    number_cases_judge(cases, COUNT(cases), number_parse);
}

Test(number, ends_nouns)
{
    cr_expect_str_eq(number_plural(0), "s");
    cr_expect_str_eq(number_plural(1), "");
    cr_expect_str_eq(number_plural(2), "s");
}
