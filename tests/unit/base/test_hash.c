#include "base/hash.h"

#include <inttypes.h>

#include <criterion/criterion.h>

#include "base/base.h"

/* The vectors of FNV's authors (test_fnv.c). */
Test(hash, has_the_known_values)
{
    static const struct {
        const char *text;
        uint32_t want32;
        uint64_t want64;
    } cases[] = {
        { "", 0x811c9dc5, 0xcbf29ce484222325 },
        { "a", 0xe40c292c, 0xaf63dc4c8601ec8c },
        { "b", 0xe70c2de5, 0xaf63df4c8601f1a5 },
        { "foobar", 0xbf9cf968, 0x85944171f73967e8 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *text = cases[i].text;

        cr_expect_eq(hash32_text(HASH32_BASIS, text), cases[i].want32,
            "%s: %" PRIx32, text, hash32_text(HASH32_BASIS, text));
        cr_expect_eq(hash64_text(HASH64_BASIS, text), cases[i].want64,
            "%s: %" PRIx64, text, hash64_text(HASH64_BASIS, text));
    }
}

Test(hash, goes_on_where_it_was)
{
    uint32_t short_hash = hash32_text(HASH32_BASIS, "foo");
    uint64_t long_hash = hash64_text(HASH64_BASIS, "foo");

    cr_expect_eq(hash32_text(short_hash, "bar"), 0xbf9cf968);
    cr_expect_eq(hash64_text(long_hash, "bar"), 0x85944171f73967e8);
    cr_expect_eq(hash32_byte(HASH32_BASIS, 'a'), 0xe40c292c);
    cr_expect_eq(hash64_byte(HASH64_BASIS, 'a'), 0xaf63dc4c8601ec8c);
}

/* Bytes beyond ASCII do not depend on whether char is signed. */
Test(hash, takes_bytes_without_sign)
{
    cr_expect_eq(hash32_text(HASH32_BASIS, "\xff"),
        hash32_byte(HASH32_BASIS, 0xff));
    cr_expect_eq(hash64_text(HASH64_BASIS, "\xff"),
        hash64_byte(HASH64_BASIS, 0xff));
}
