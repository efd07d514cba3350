#include "base/duration.h"

#include <criterion/criterion.h>

#include "base/base.h"
#include "number_cases.h"

Test(duration, judges_text)
{
    static const struct number_case cases[] = {
        { "0", true, 0 },
        { "off", true, 0 },
        { "0s", true, 0 },
        { "1ms", true, 1 },
        { "500ms", true, 500 },
        { "30s", true, 30000 },
        { "007s", true, 7000 },
        { "5m", true, 300000 },
        { "1h", true, 3600000 },
        { "2d", true, 172800000 },
        { "18446744073709551615ms", true, UINT64_MAX },
        { "18446744073709551s", true, UINT64_C(18446744073709551000) },
        { "18446744073709551616ms", false, 0 },
        { "18446744073709552s", false, 0 },
        { "213503982335d", false, 0 },
        { "99999999999999999999999999s", false, 0 },
        { "30", false, 0 },
        { "1", false, 0 },
        { "00", false, 0 },
        { "", false, 0 },
        { "s", false, 0 },
        { "-1s", false, 0 },
        { "+1s", false, 0 },
        { " 1s", false, 0 },
        { "1s ", false, 0 },
        { "1 s", false, 0 },
        { "1.5s", false, 0 },
        { "0x10s", false, 0 },
        { "1S", false, 0 },
        { "1M", false, 0 },
        { "1sec", false, 0 },
        { "1h30m", false, 0 },
        { "OFF", false, 0 },
        { "offs", false, 0 },
        { "1us", false, 0 },
    };

    number_cases_judge(cases, COUNT(cases), duration_parse);
}

Test(duration, formats_in_the_largest_exact_unit)
{
    static const struct { uint64_t ms; const char *want; } cases[] = {
        { 0, "off" },
        { 1, "1ms" },
        { 999, "999ms" },
        { SECONDS(1), "1s" },
        { 1500, "1500ms" },
        { SECONDS(90), "90s" },
        { MINUTES(1), "1m" },
        { MINUTES(90), "90m" },
        { HOURS(1), "1h" },
        { HOURS(36), "36h" },
        { DAYS(7), "7d" },
        { UINT64_MAX, "18446744073709551615ms" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[DURATION_TEXT_SIZE];
        uint64_t back;

        cr_expect_str_eq(duration_format(cases[i].ms, text), cases[i].want);
        cr_expect(duration_parse(text, &back) && back == cases[i].ms);
    }
}
