#include "base/error.h"

#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

Test(error, keeps_messages_in_order)
{
    struct error error = { 0 };

    cr_expect_not(error_any(&error));
    error_add(&error, "%s:%d: bad \"%s\"", "a.ini", 3, "x\\y");
    error_add(&error, "second");
    cr_expect(error_any(&error));
    cr_assert_eq(error.count, 2);
    cr_expect_str_eq(error.messages[0], "a.ini:3: bad \"x\\y\"");
    cr_expect_str_eq(error.messages[1], "second");
    error_clear(&error);
    cr_expect_not(error_any(&error));
    error_add(&error, "again");
    cr_expect_eq(error.count, 1);
    error_clear(&error);
}

Test(error, says_that_there_was_no_memory)
{
    struct error error = { 0 };

    cr_expect_str_eq(error_first(&error), "out of memory");
    error_no_memory(&error);
    error_add(&error, "second");
    cr_expect_eq(error.count, 2);
    cr_expect_str_eq(error_first(&error), "out of memory");
    error_clear(&error);
    error_add(&error, "first");
    cr_expect_str_eq(error_first(&error), "first");
    error_clear(&error);
}

/* Promise 29 */
Test(error, escapes_what_a_file_holds)
{
    struct error error = { 0 };

    /* NOLINTNEXTLINE(misc-misleading-bidirectional): that is the test */
    error_add(&error, "bad key '%s'", "a\nb\x1b[2J\x7f\xe2\x80\xae");
    cr_expect_str_eq(error.messages[0],
        "bad key 'a\\x0ab\\x1b[2J\\x7f\\xe2\\x80\\xae'");
    error_clear(&error);
}

Test(error, bounds_the_length_of_a_message)
{
    struct error error = { 0 };
    char text[5000];

    for (size_t length = 2040; length < 2056; length++) {
        memset(text, 'a', length);
        text[length] = '\0';
        error_add(&error, "%s", text);
    }
    memset(text, '\n', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    error_add(&error, "%s", text);
    for (size_t i = 0; i < error.count; i++) {
        const char *message = error.messages[i];
        size_t length = strlen(message);

        cr_expect_lt(length, 2048);
        cr_expect_eq(2040 + i > 2047,
            strcmp(message + length - 3, "...") == 0);
    }
    error_clear(&error);
}

Test(error, bounds_the_number_of_messages)
{
    struct error error = { 0 };

    for (int i = 0; i < 1000; i++)
        error_add(&error, "%d", i);
    cr_expect_eq(error.count, 200);
    cr_expect_eq(error.dropped, 800);
    cr_expect_str_eq(error.messages[199], "199");
    error_clear(&error);
    cr_expect_not(error_any(&error));
}

Test(error, leaves_errno_alone)
{
    struct error error = { 0 };

    errno = EXDEV;
    error_add(&error, "%s", "x");
    cr_expect_eq(errno, EXDEV);
    error_clear(&error);
}

static struct error_place
at_line(unsigned file, unsigned line)
{
    return (struct error_place){ file, line };
}

Test(error, sorts_by_places)
{
    static const char *const sorted[] = {
        "1:2", "1:3 first", "1:3 second", "2:1", "nowhere", "no line",
    };
    struct error error = { 0 };

    error_add(&error, "nowhere");
    error_add_at(&error, at_line(2, 1), "a", "2:1");
    error_add_at(&error, at_line(1, 3), "b", "1:3 first");
    error_add_at(&error, at_line(0, 9), "c", "no line");
    error_add_at(&error, at_line(1, 3), "d", "1:3 second");
    error_add_at(&error, at_line(1, 2), "e", "1:2");
    error_sort(&error);
    cr_assert_eq(error.count, COUNT(sorted));
    for (size_t i = 0; i < COUNT(sorted); i++)
        cr_expect_str_eq(error.messages[i], sorted[i], "%zu", i);
    error_clear(&error);
    error_sort(&error); /* of nothing */
}

Test(error, tells_ten_of_a_kind)
{
    struct error error = { 0 };

    for (unsigned i = 1; i <= 10; i++)
        error_add_at(&error, at_line(1, i), "kind", "%u", i);
    cr_expect_eq(error.count, 10);
    cr_expect_eq(error_total(&error), 10);
    error_add_at(&error, at_line(1, 20), "other", "other");
    error_add_at(&error, at_line(1, 11), "kind", "11");
    cr_expect_eq(error.count, 12);
    cr_expect_str_eq(error.messages[11], "and 1 more like these");
    for (unsigned i = 12; i <= 1000; i++)
        error_add_at(&error, at_line(1, i), "kind", "%u", i);
    cr_expect_eq(error.count, 12);
    cr_expect_str_eq(error.messages[11], "and 990 more like these");
    cr_expect_eq(error_total(&error), 1001);
    error_sort(&error);
    cr_expect_str_eq(error.messages[9], "10");
    cr_expect_str_eq(error.messages[10], "and 990 more like these");
    cr_expect_str_eq(error.messages[11], "other");
    error_clear(&error);
}

Test(error, moves_messages)
{
    struct error error = { 0 }, from = { 0 };

    error_move(&error, &from);
    cr_expect_not(error_any(&error));
    error_add(&error, "here");
    error_add_at(&from, at_line(1, 2), "kind", "there");
    from.dropped = 3;
    error_move(&error, &from);
    cr_expect_not(error_any(&from));
    cr_expect_eq(error.count, 2);
    cr_expect_eq(error_total(&error), 5);
    cr_expect_str_eq(error.messages[1], "there");
    error_sort(&error);
    cr_expect_str_eq(error.messages[0], "there");
    error_clear(&error);
}
