#include "cli/findings.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/redirect.h>

#include "base/log.h"

static struct error_place
at_line(unsigned line)
{
    return (struct error_place){ 1, line };
}

Test(findings, are_counted)
{
    static const struct { unsigned errors, warnings; const char *text; }
    cases[] = {
        { 0, 0, "" },
        { 1, 0, "1 error" },
        { 2, 0, "2 errors" },
        { 0, 1, "1 warning" },
        { 0, 2, "2 warnings" },
        { 2, 1, "2 errors, 1 warning" },
        { 1, 2, "1 error, 2 warnings" },
        { 30, 0, "30 errors" },
    };
    char text[FINDINGS_COUNT_SIZE];

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct findings found = { .errors = { .count = 0 } };

        for (unsigned j = 1; j <= cases[i].errors; j++)
            error_add_at(&found.errors, at_line(j), "kind", "x");
        for (unsigned j = 1; j <= cases[i].warnings; j++)
            error_add_at(&found.warnings, at_line(j), "kind", "x");
        cr_expect_str_eq(findings_count(&found, text), cases[i].text);
        error_clear(&found.errors);
        error_clear(&found.warnings);
    }
}

/* Promise 37 */
Test(findings, are_printed_in_one_form_and_order)
{
    static const struct log_cause cause = { "x.ini", { 1, 5 } };
    static const struct log_cause whole = { "x.ini", { 1, 0 } };
    struct findings found;

    cr_redirect_stderr();
    findings_begin(&found);
    error_add_at(&found.errors, at_line(7), "a", "x.ini:7: [service web] "
        "listen.key: is wrong");
    log_warn_at(&cause, "web", "b", "listen.cert: %s", "is old");
    log_warn_at(&whole, NULL, "c", "may be changed");
    log_warn("web", "anywhere");
    log_warn(NULL, "elsewhere");
    error_add_at(&found.errors, at_line(2), "d", "x.ini:2: is wrong");
    findings_end(&found);
    fflush(stderr);
    cr_assert_stderr_eq_str(
        "sallyport: x.ini: warning: may be changed\n"
        "sallyport: x.ini:2: is wrong\n"
        "sallyport: x.ini:5: warning: [service web] listen.cert: is old\n"
        "sallyport: x.ini:7: [service web] listen.key: is wrong\n"
        "sallyport: warning: [service web] anywhere\n"
        "sallyport: warning: elsewhere\n");
}
