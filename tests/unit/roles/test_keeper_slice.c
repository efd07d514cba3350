#include "roles/keeper_slice.h"

#include <linux/sched.h>
#include <linux/sched/types.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

static struct sched_attr
look(void)
{
    struct sched_attr attr = { .size = sizeof(attr) };

    cr_assert_eq(
        syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0), 0);
    return attr;
}

Test(keeper_slice, shortens_the_slice_and_nothing_else)
{
    struct sched_attr before, after;

    cr_assert_eq(setpriority(PRIO_PROCESS, 0, 3), 0);
    before = look();
    keeper_slice_shorten();
    after = look();
    if (before.sched_runtime == 0)
        cr_skip("this kernel has one slice for all");
    cr_expect_eq(after.sched_runtime, KEEPER_SLICE_NS);
    after.sched_runtime = before.sched_runtime;
    cr_expect_eq(memcmp(&before, &after, sizeof(before)), 0);
}

Test(keeper_slice, leaves_another_policy_alone)
{
    struct sched_attr before, after;
    const struct sched_attr batch = { .size = sizeof(batch),
        .sched_policy = SCHED_BATCH };

    cr_assert_eq(syscall(SYS_sched_setattr, 0, &batch, 0), 0);
    before = look();
    keeper_slice_shorten();
    after = look();
    cr_expect_eq(memcmp(&before, &after, sizeof(before)), 0);
}
