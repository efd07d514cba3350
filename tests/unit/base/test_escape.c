#include "base/escape.h"

#include <stdint.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/base.h"

/* Promise 29 */
Test(escape, keeps_the_printable_and_escapes_the_rest)
{
    static const struct {
        const char *in;
        unsigned flags;
        const char *want;
    } cases[] = {
        { "", ESCAPE_VALUE, "" },
        { "plain text ~!#", ESCAPE_VALUE, "plain text ~!#" },
        { "a\nb\r\tc", ESCAPE_VALUE, "a\\x0ab\\x0d\\x09c" },
        { "\x1b[31m\x07", ESCAPE_VALUE, "\\x1b[31m\\x07" },
        { "\x7f\x80\x9b\xff", ESCAPE_VALUE, "\\x7f\\x80\\x9b\\xff" },
        { "caf\xc3\xa9", ESCAPE_VALUE, "caf\\xc3\\xa9" },
        { "a\"b'c\\d", ESCAPE_VALUE, "a\\x22b'c\\x5cd" },
        { "a\"b'c\\d", ESCAPE_MESSAGE, "a\"b'c\\d" },
        { "a\nb", ESCAPE_MESSAGE, "a\\x0ab" },
        { "a\"b'c\\d\n", ESCAPE_MESSAGE | ESCAPE_JSON,
            "a\\\"b'c\\\\d\\\\x0a" },
        { "a\"b'c\\d\n", ESCAPE_JSON, "a\\\\x22b'c\\\\x5cd\\\\x0a" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[100];
        size_t length = escape_bytes(text, sizeof(text), cases[i].in,
            strlen(cases[i].in), cases[i].flags);

        cr_expect_str_eq(text, cases[i].want, "%s", text);
        cr_expect_eq(length, strlen(cases[i].want));
    }
}

Test(escape, is_taken_back)
{
    static const struct { const char *in, *out; } cases[] = {
        { "", "" }, { "plain ~", "plain ~" },
        { "caf\\xc3\\xa9 \\x22b\\x22", "caf\xc3\xa9 \"b\"" },
        { "a\\x0ab\\x5cx41", "a\nb\\x41" }, { "a\\x00b", "a\\x00b" },
        { "\\", "\\" }, { "\\x", "\\x" }, { "\\x4", "\\x4" },
        { "\\x4g\\X41", "\\x4g\\X41" }, { "\\x41", "A" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[100];

        strcpy(text, cases[i].in);
        escape_undo(text);
        cr_expect_str_eq(text, cases[i].out, "%s", cases[i].in);
    }
}

/* Promise 29 */
Test(escape, carries_zero_bytes)
{
    char text[100];

    escape_bytes(text, sizeof(text), "a\0b", 3, ESCAPE_VALUE);
    cr_expect_str_eq(text, "a\\x00b");
}

Test(escape, cuts_between_bytes_and_shows_it)
{
    static const struct {
        size_t size;
        const char *in;
        const char *want;
    } cases[] = {
        { 4, "abc", "abc" },
        { 4, "abcd", "..." },
        { 8, "abcdefg", "abcdefg" },
        { 8, "abcdefgh", "abcd..." },
        { 8, "ab\ncd", "ab..." },
        { 8, "\n\n", "\\x0a..." },
        { 9, "\n\n", "\\x0a\\x0a" },
        { 7, "\n\n", "..." },
        { 10, "ab\ncdefgh", "ab\\x0a..." },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[16];
        size_t length = escape_bytes(text, cases[i].size, cases[i].in,
            strlen(cases[i].in), ESCAPE_VALUE);

        cr_expect_str_eq(text, cases[i].want, "%zu: %s", i, text);
        cr_expect_eq(length, strlen(text));
    }
}

Test(escape, stays_in_bounds_for_any_size_and_flags)
{
    uint8_t every[256];

    for (size_t i = 0; i < sizeof(every); i++)
        every[i] = (uint8_t)i;
    for (unsigned flags = 0; flags < 4; flags++)
        for (size_t size = 4; size < 1400; size++) {
            char text[1400];
            size_t length;

            memset(text, 'X', sizeof(text));
            length = escape_bytes(text, size, every, sizeof(every), flags);
            cr_assert_lt(length, size);
            cr_assert_eq(text[length], '\0');
            for (size_t i = 0; i < length; i++)
                cr_assert(text[i] >= ' ' && text[i] <= '~');
            for (size_t i = size; i < sizeof(text); i++)
                cr_assert_eq(text[i], 'X');
        }
}
