#include "systemd/unit_file.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/base.h"

static char seen[8192];

static void
note_assignment(const char *key, const char *value, void *arg)
{
    size_t length = strlen(seen);

    cr_expect_eq(arg, (void *)seen);
    snprintf(seen + length, sizeof(seen) - length, "<%s|%.20s>", key, value);
}

Test(unit_file, is_seen_one_assignment_at_a_time)
{
    static const struct { const char *text, *wanted; } cases[] = {
        { "", "" },
        { "\n\n[Service]\nUser\n", "" },
        { "User=a", "<User|a>" },
        { "User=a\nGroup=b\n", "<User|a><Group|b>" },
        { " \tUser = a b \t\r\n", "<User|a b>" },
        { "User=\n", "<User|>" },
        { "=\n==\n", "<|><|=>" },
        { "# User=a\n;User=b\n  #User=c\n", "" },
        { "ExecStart=/x -c y=z\n", "<ExecStart|/x -c y=z>" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        seen[0] = '\0';
        unit_file_parse(
            cases[i].text, strlen(cases[i].text), note_assignment, seen);
        cr_expect_str_eq(seen, cases[i].wanted, "%s", cases[i].text);
    }
}

Test(unit_file, skips_what_is_too_long_or_binary)
{
    static char text[3 * UNIT_LINE_SIZE];
    size_t length = UNIT_LINE_SIZE - 1;

    seen[0] = '\0';
    memset(text, 'x', sizeof(text));
    memcpy(text, "A=", 2);
    text[length] = '\n';
    memcpy(text + length + 1, "B=", 2);
    text[2 * length + 2] = '\n';
    memcpy(text + 2 * length + 3, "C=c\nD=d\0d\nE=e", 14);
    unit_file_parse(text, 2 * length + 3 + 13, note_assignment, seen);
    cr_expect_str_eq(seen, "<A|xxxxxxxxxxxxxxxxxxxx><C|c><E|e>");
}

Test(unit_file, that_is_not_there_is_told)
{
    cr_expect_not(
        unit_file_read("none-of-this.service", note_assignment, seen));
    cr_expect_not(
        unit_file_read("none@of-this.service", note_assignment, seen));
}

Test(unit_file, expands_parts_of_the_name)
{
    static const struct { const char *unit, *value, *wanted; } cases[] = {
        { "a.service", "/x", "/x" },
        { "a@b.c.service", "/%i/%n/%%", "/b.c/a@b.c.service/%" },
        { "a.service", "/%i", "/" },
        { "a.service", "%d", NULL },
        { "a.service", "%", NULL },
        { "a.service", "0123456789012345678901234567890", "0123456789012345"
            "678901234567890" },
        { "a.service", "01234567890123456789012345678901", NULL },
    };
    char text[32];

    for (size_t i = 0; i < COUNT(cases); i++) {
        bool done = unit_file_expand(
            cases[i].unit, cases[i].value, text, sizeof(text));

        cr_expect_eq(done, cases[i].wanted != NULL, "%s", cases[i].value);
        if (done && cases[i].wanted != NULL)
            cr_expect_str_eq(text, cases[i].wanted);
    }
}
