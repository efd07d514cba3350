#include "net/endpoint_order.h"

#include <string.h>

#include <criterion/criterion.h>

/* Goes through all of `count` endpoints and puts those off whose letters are in
 * `put_off`, as often as they come. */
static void
go_through(size_t count, const char *put_off, char *seen)
{
    struct endpoint_order order;

    endpoint_order_init(&order, count);
    while (endpoint_order_has_next(&order)) {
        endpoint_order_advance(&order);
        *seen = (char)('a' + order.now);
        if (strchr(put_off, *seen) != NULL)
            (void)!endpoint_order_put_off(&order);
        seen++;
    }
    *seen = '\0';
}

Test(endpoint_order, has_those_last_that_were_put_off)
{
    static const struct {
        size_t count;
        const char *put_off, *want;
    } cases[] = {
        { 0, "", "" }, { 1, "", "a" }, { 1, "a", "aa" }, { 3, "", "abc" },
        { 3, "a", "abca" }, { 3, "b", "abcb" }, { 3, "c", "abcc" },
        { 3, "ac", "abcac" }, { 3, "abc", "abcabc" },
    };
    char seen[8];

    for (size_t i = 0; i < COUNT(cases); i++) {
        go_through(cases[i].count, cases[i].put_off, seen);
        cr_expect_str_eq(seen, cases[i].want, "%zu, %s", cases[i].count,
            cases[i].put_off);
    }
}

Test(endpoint_order, puts_off_once_and_not_without_end)
{
    struct endpoint_order order;

    endpoint_order_init(&order, 100);
    for (size_t i = 0; i < 100; i++) {
        cr_assert(endpoint_order_has_next(&order));
        endpoint_order_advance(&order);
        cr_expect_eq(order.now, i);
        cr_expect_eq(endpoint_order_put_off(&order), i < 64, "%zu", i);
    }
    for (size_t i = 0; i < 64; i++) {
        cr_assert(endpoint_order_has_next(&order));
        endpoint_order_advance(&order);
        cr_expect_eq(order.now, i);
        cr_expect_not(endpoint_order_put_off(&order));
    }
    cr_expect_not(endpoint_order_has_next(&order));
}
