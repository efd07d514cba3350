#include "number_cases.h"

#include <criterion/criterion.h>

enum { UNTOUCHED = 4711 };

void
number_cases_judge(const struct number_case *cases, size_t count,
    bool (*parse)(const char *text, uint64_t *number))
{
    for (size_t i = 0; i < count; i++) {
        uint64_t number = UNTOUCHED;
        bool good = parse(cases[i].in, &number);

        cr_expect_eq(good, cases[i].good, "\"%s\"", cases[i].in);
        cr_expect_eq(number, good ? cases[i].want : UNTOUCHED, "\"%s\"",
            cases[i].in);
    }
}
