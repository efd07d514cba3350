#include "net/address_order.h"

#include <stdint.h>
#include <string.h>

#include <criterion/criterion.h>

enum { MOST = 8 };

/* A letter for each address: capitals are IPv6. */
static size_t
make(const char *letters, struct address addresses[MOST])
{
    for (size_t i = 0; letters[i] != '\0'; i++) {
        bool v6 = letters[i] < 'a';

        cr_assert(address_from_numeric(
            &addresses[i], v6 ? "2001:db8::1" : "192.0.2.1",
            (unsigned char)letters[i]));
    }
    return strlen(letters);
}

static void
expect(const struct address *addresses, size_t count, const char *letters)
{
    for (size_t i = 0; i < count; i++)
        cr_expect_eq(address_port(&addresses[i]), (unsigned char)letters[i],
            "%s: %zu is %c", letters, i, (char)address_port(&addresses[i]));
}

Test(address_order, takes_families_in_turns)
{
    static const struct { const char *in, *want; } cases[] = {
        { "a", "a" }, { "ab", "ab" }, { "AB", "AB" }, { "Ab", "Ab" },
        { "ABab", "AaBb" }, { "abAB", "aAbB" }, { "ABCDa", "AaBCD" },
        { "aAbBcC", "aAbBcC" }, { "abcdA", "aAbcd" }, { "aABCb", "aAbBC" },
    };
    struct address addresses[MOST];

    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t count = make(cases[i].in, addresses);

        address_order_interleave(addresses, count);
        expect(addresses, count, cases[i].want);
    }
    address_order_interleave(addresses, 0);
}

static bool
is_among(void *arg, const struct address *address)
{
    return strchr(arg, (char)address_port(address)) != NULL;
}

Test(address_order, puts_some_last)
{
    static const struct { const char *in, *last, *want; } cases[] = {
        { "abcd", "", "abcd" }, { "abcd", "a", "bcda" },
        { "abcd", "ac", "bdac" }, { "abcd", "abcd", "abcd" },
        { "abcd", "d", "abcd" }, { "aAbB", "bA", "aBAb" },
    };
    struct address addresses[MOST];

    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t count = make(cases[i].in, addresses);

        cr_expect_eq(address_order_defer(addresses, count, is_among,
                         (void *)(uintptr_t)cases[i].last),
            strlen(cases[i].last));
        expect(addresses, count, cases[i].want);
    }
}
