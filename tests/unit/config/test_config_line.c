#include "config/config_line.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

static struct line line;

static enum line_kind
judge(const char *text)
{
    return config_line_judge(&line, text, strlen(text));
}

Test(config_line, empty_lines_and_comments)
{
    static const char *const cases[] = {
        "", " ", "      ", ";", "#", "; x = y", "# [x]", "  ; indented",
        ";; \"quotes\" and ] and =", "; gr\xc3\xbc\xc3\x9f\x65",
        "; \xe2\x80\x94 \xf0\x9f\x94\x92",
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        cr_expect_eq(judge(cases[i]), LINE_EMPTY, "%s: %s", cases[i],
            line.fault.text);
}

Test(config_line, sections)
{
    static const struct { const char *in, *name; } cases[] = {
        { "[global]", "global" }, { "[service a.b-c_d]", "service a.b-c_d" },
        { "[x]   ", "x" }, { "[x] ; comment", "x" }, { "[x] ;", "x" },
        { "[]", "" }, { "[x  y]", "x  y" },
        { "[1234567890123456789012345678901234567890123456789]",
            "1234567890123456789012345678901234567890123456789" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        cr_expect_eq(judge(cases[i].in), LINE_SECTION, "%s: %s", cases[i].in,
            line.fault.text);
        cr_expect_str_eq(line.section, cases[i].name);
    }
}

Test(config_line, assignments)
{
    static const struct { const char *in, *key, *value; } cases[] = {
        { "a=b", "a", "b" }, { "a = b", "a", "b" },
        { "a   =   b   ", "a", "b" }, { "a.b_c-D1 = x y", "a.b_c-D1", "x y" },
        { "a = b=c", "a", "b=c" }, { "a = b:c", "a", "b:c" },
        { "a = tls://[::]:443", "a", "tls://[::]:443" },
        { "a = b ; comment", "a", "b" }, { "a = b ;", "a", "b" },
        { "a = b;c", "a", "b;c" }, { "a = b;c ;d;e", "a", "b;c" },
        { "a = b#c", "a", "b#c" }, { "a = b ; # c", "a", "b" },
        { "a =", "a", "" }, { "a = ", "a", "" }, { "a = ;c", "a", "" },
        { "a = =", "a", "=" }, { "a == b", "a", "= b" },
        { "a = [b]", "a", "[b]" }, { "a = b\"c", "a", "b\"c" },
        { "a = /b\xc3\xbc" "cher", "a", "/b\xc3\xbc" "cher" },
        { "a = : b", "a", ": b" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        cr_assert_eq(judge(cases[i].in), LINE_ASSIGNMENT, "%s: %s",
            cases[i].in, line.fault.text);
        cr_expect_str_eq(line.key, cases[i].key);
        cr_expect_str_eq(line.value, cases[i].value, "%s", cases[i].in);
    }
}

/* Promise 37 */
Test(config_line, bad_lines)
{
    static const struct { const char *in, *why; } cases[] = {
        { " a = b", "indented" }, { "  [x]", "indented" }, { " x", "indented" },
        { "a\t= b", "tab in column 2" }, { "\ta = b", "tab in column 1" },
        { "; a\tb", "tab" }, { "a = b\rc", "0x0D" }, { "a = \x01", "0x01" },
        { "a = \x7f", "0x7F" }, { "a = \x1b[31m", "0x1B" },
        { "a = \xc2\x85", "control byte (0x85)" },
        { "a = \x80", "not UTF-8" }, { "a = \xc3", "not UTF-8" },
        { "a = \xc0\xaf", "not UTF-8" }, { "a = \xe0\x80\xaf", "not UTF-8" },
        { "a = \xed\xa0\x80", "not UTF-8" },
        { "a = \xf4\x90\x80\x80", "not UTF-8" },
        { "a = \xf8\x88\x80\x80\x80", "not UTF-8" },
        { "a = b\xfc" "cher", "byte 0xFC in column 6 is not UTF-8" },
        { "\xef\xbb\xbf[global]", "byte order mark" },
        { "\xef\xbb\xbf; x", "byte order mark" },
        { "a: b", "not after ':'" }, { "a : b", "not after ':'" },
        { "a: b = c", "not after ':'" }, { "a", "no '='" },
        { "foo bar", "no '='" }, { "= b", "not a key" },
        { "=", "not a key" }, { "a b = c", "not a key" },
        { "a, b = c", "not a key" }, { "\xc3\xbc = c", "not a key" },
        { "a ; b = c", "not a key" }, { "a=b # c", "a value or a comment" },
        { "a = # c", "a value or a comment" },
        { "a =;c", "a value or a comment" },
        { "a = \xc2\xa0" "b", "a no-break space" },
        { "a = b\xc2\xa0", "a no-break space" },
        { "a\xc2\xa0= b", "a no-break space beside the key" },
        { "\xc2\xa0" "a = b", "a no-break space beside the key" },
        { "a = \xe2\x80\x9c" "b\xe2\x80\x9d", "a curly quote" },
        { "a = \xe2\x80\x98" "b", "a curly quote" },
        { "a = \"b\"", "in quotes" }, { "a = 'b'", "in quotes" },
        { "[x", "no ']'" }, { "[", "no ']'" }, { "[x] y", "after the ']'" },
        { "[x]]", "after the ']'" }, { "[x] # y", "after the ']'" },
        { "[x];y", "after the ']'" }, { "[a;b]", "may hold letters" },
        { "[[x]]", "after the ']'" }, { "[a [b]", "may hold letters" },
        { "[a = b", "no ']'" },
        { "[12345678901234567890123456789012345678901234567890]",
            "50 bytes long" },
        { "a2345678901234567890123456789012345678901234567890 = x",
            "50 bytes long" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        cr_expect_eq(judge(cases[i].in), LINE_BAD, "\"%s\"", cases[i].in);
        cr_expect(strstr(line.fault.text, cases[i].why) != NULL, "\"%s\": %s",
            cases[i].in, line.fault.text);
    }
}

/* Promise 37 */
Test(config_line, a_nul_byte_is_seen)
{
    cr_expect_eq(config_line_judge(&line, "a = b\0c", 7), LINE_BAD);
    cr_expect(strstr(line.fault.text, "0x00") != NULL);
    cr_expect_eq(config_line_judge(&line, "\0", 1), LINE_BAD);
    cr_expect_eq(config_line_judge(&line, "; \0", 3), LINE_BAD);
}

/* Promise 37 */
Test(config_line, a_long_line_says_what_to_do)
{
    char text[1000];

    memset(text, 'a', sizeof(text));
    memcpy(text, "a = ", 4);
    cr_expect_eq(config_line_judge(&line, text, 198), LINE_ASSIGNMENT);
    cr_expect_eq(strlen(line.value), 194);
    cr_expect_eq(config_line_judge(&line, text, 199), LINE_BAD);
    cr_expect(strstr(line.fault.text, "the key repeated") != NULL);
    cr_expect_eq(config_line_judge(&line, text, 1000), LINE_BAD);
    text[0] = ';';
    cr_expect_eq(config_line_judge(&line, text, 198), LINE_EMPTY);
    cr_expect_eq(config_line_judge(&line, text, 199), LINE_BAD);
}
