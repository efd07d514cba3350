#include "net/resolver_names.h"

#include <stdio.h>

#include <criterion/criterion.h>

static struct resolver_names names;

static void
tear_down(void)
{
    resolver_names_clear(&names);
}

TestSuite(resolver_names, .fini = tear_down);

static struct resolver_name *
add(const char *host, uint64_t wanted_ms)
{
    struct resolver_name *name = resolver_names_add(&names, host);

    cr_assert_not_null(name);
    name->wanted_ms = wanted_ms;
    return name;
}

Test(resolver_names, finds_names_in_any_case)
{
    struct resolver_name *name = add("Mail.Example", 1);

    cr_expect_eq(resolver_names_find(&names, "mAIL.eXAMPLE"), name);
    cr_expect_null(resolver_names_find(&names, "mail.example.org"));
}

Test(resolver_names, finds_the_last_question_only)
{
    struct resolver_name *one = add("a.test", 1), *other = add("b.test", 1);
    uint32_t first;

    cr_expect_null(resolver_names_asked(&names, 1));
    resolver_names_number(one, 1);
    first = one->question;
    resolver_names_number(other, 2);
    resolver_names_number(one, 3);
    cr_expect_null(resolver_names_asked(&names, first));
    cr_expect_eq(resolver_names_asked(&names, one->question), one);
    cr_expect_eq(resolver_names_asked(&names, other->question), other);
}

/* Names that are asked for, and those that are looked at now, stay. */
Test(resolver_names, makes_room_at_the_cost_of_what_is_missed_least)
{
    char host[32];

    for (unsigned i = 0; i < RESOLVER_NAMES_MAX; i++) {
        snprintf(host, sizeof(host), "n%u.test", i);
        add(host, 10 + i);
    }
    resolver_names_find(&names, "n0.test")->asked = true;
    resolver_names_find(&names, "n1.test")->borrowed = 1;
    add("new.test", 1);
    cr_expect_not_null(resolver_names_find(&names, "n0.test"));
    cr_expect_not_null(resolver_names_find(&names, "n1.test"));
    cr_expect_null(resolver_names_find(&names, "n2.test"));
    add("newer.test", 1);
    cr_expect_null(resolver_names_find(&names, "new.test"));
    cr_expect_eq(names.count, RESOLVER_NAMES_MAX);
}

Test(resolver_names, has_no_room_while_each_is_in_use)
{
    char host[32];

    for (unsigned i = 0; i < RESOLVER_NAMES_MAX; i++) {
        snprintf(host, sizeof(host), "n%u.test", i);
        add(host, 1)->asked = true;
    }
    cr_expect_null(resolver_names_add(&names, "new.test"));
}

Test(resolver_names, keeps_a_bounded_number_of_addresses)
{
    static const struct address addresses[RESOLVER_ADDRESSES_MAX + 1];
    struct resolver_name *name = add("a.test", 1);

    cr_assert(resolver_names_keep(name, addresses, 3));
    cr_expect_eq(name->count, 3);
    cr_assert(resolver_names_keep(name, addresses, COUNT(addresses)));
    cr_expect_eq(name->count, RESOLVER_ADDRESSES_MAX);
}

Test(resolver_names, expires_all)
{
    struct resolver_name *one = add("a.test", 1), *other = add("b.test", 1);

    one->expires_ms = other->failed_ms = UINT64_MAX;
    resolver_names_expire(&names);
    cr_expect_eq(one->expires_ms, 0);
    cr_expect_eq(other->failed_ms, 0);
}
