#include "base/size.h"

#include <stddef.h>

#include <criterion/criterion.h>

#include "base/base.h"
#include "number_cases.h"

Test(bytes, judges_text)
{
    static const struct number_case cases[] = {
        { "0", true, 0 },
        { "1", true, 1 },
        { "1500", true, 1500 },
        { "64k", true, KIB(64) },
        { "1m", true, MIB(1) },
        { "2g", true, MIB(2048) },
        { "18446744073709551615", true, UINT64_MAX },
        { "17179869183g", true, UINT64_C(17179869183) << 30 },
        { "17179869184g", false, 0 },
        { "18446744073709551616", false, 0 },
        { "", false, 0 },
        { "k", false, 0 },
        { "-1", false, 0 },
        { "+1", false, 0 },
        { " 1", false, 0 },
        { "1 ", false, 0 },
        { "1 k", false, 0 },
        { "1.5k", false, 0 },
        { "0x10", false, 0 },
        { "64K", false, 0 },
        { "64kb", false, 0 },
        { "64kib", false, 0 },
        { "1t", false, 0 },
        { "off", false, 0 },
    };

    number_cases_judge(cases, COUNT(cases), bytes_parse);
}

Test(bytes, formats_in_the_largest_exact_unit)
{
    static const struct { uint64_t bytes; const char *want; } cases[] = {
        { 0, "0" },
        { 1, "1" },
        { 1023, "1023" },
        { 1024, "1k" },
        { 1025, "1025" },
        { 1536, "1536" },
        { MIB(1), "1m" },
        { MIB(1) + 1024, "1025k" },
        { MIB(1024), "1g" },
        { UINT64_MAX, "18446744073709551615" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[BYTES_TEXT_SIZE];
        uint64_t back;

        cr_expect_str_eq(bytes_format(cases[i].bytes, text), cases[i].want);
        cr_expect(bytes_parse(text, &back) && back == cases[i].bytes);
    }
}
