#include "process/post.h"

#include <criterion/criterion.h>

#include "base/clock.h"
#include "process/child.h"

Test(post, pauses_grow_up_to_a_bound)
{
    static const struct { unsigned deaths; uint64_t pause_ms; } cases[] = {
        { 0, 0 }, { 1, 0 }, { 2, 200 }, { 3, 400 }, { 4, 800 }, { 5, 1600 },
        { 8, 12800 }, { 9, 25600 }, { 10, 30000 }, { 11, 30000 },
        { 64, 30000 }, { 65, 30000 }, { 1000000, 30000 },
        { 0xffffffffU, 30000 },
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        cr_expect_eq(post_pause_ms(cases[i].deaths), cases[i].pause_ms,
            "%u", cases[i].deaths);
}

/* One that is not wanted any more is not filled again. */
Test(post, counts_children_that_die_young)
{
    struct post post = { .role = ROLE_WORKER };

    for (unsigned i = 1; i <= 3; i++) {
        post_refill(&post, 100);
        cr_expect_eq(post.early_deaths, i);
        cr_expect_null(post.child);
        cr_expect_null(post.retry);
    }
    post_refill(&post, 6000);
    cr_expect_eq(post.early_deaths, 0, "it has lived for a while");
}

Test(post, is_given_up)
{
    struct post post = { .wanted = true, .early_deaths = 3 };
    struct child child = { .post = &post };

    cr_expect_null(post_give_up(&post));
    post.wanted = true;
    post.child = &child;
    cr_expect_eq(post_give_up(&post), &child);
    cr_expect_null(child.post);
    cr_expect_null(post.child);
    cr_expect_not(post.wanted);
    cr_expect_eq(post.early_deaths, 0);
}
