#include "ipc/role.h"

#include <string.h>

#include <criterion/criterion.h>

/* Whatever a child is started with must be among the descriptors that it can be
 * given, and its name fits into the 15 bytes that the kernel keeps. */
Test(role, every_row_is_complete)
{
    const unsigned given =
        ((1U << ROLE_FD_PROGRAM) - 1) & ~((1U << ROLE_FD_SCOREBOARD) - 1);

    for (enum role role = 0; role < ROLE_COUNT; role++) {
        const struct role_info *info = role_info(role);

        cr_assert_not_null(info->name, "%d", (int)role);
        cr_expect_eq(info->short_name != NULL, role_is_child(role), "%s",
            info->name);
        cr_expect_eq(info->fds & ~given, 0, "%s", info->name);
        if (info->short_name == NULL)
            continue;
        cr_expect_leq(strlen(info->short_name), info->is_numbered ? 1 : 5,
            "%s", info->name);
        cr_expect_not(info->may_bind && !info->has_reach, "%s", info->name);
    }
}

Test(role, every_name_is_its_own)
{
    for (enum role role = 0; role < ROLE_COUNT; role++)
        for (enum role other = 0; other < role; other++) {
            cr_expect_str_neq(role_name(role), role_name(other));
            if (role_is_child(role) && role_is_child(other))
                cr_expect_str_neq(role_info(role)->short_name,
                    role_info(other)->short_name);
        }
    cr_expect_str_eq(role_name(ROLE_MASTER), "master");
}

Test(role, tells_children_from_masters_and_from_nothing)
{
    cr_expect(role_is_child(ROLE_WORKER));
    cr_expect(role_is_child(ROLE_TRIAL));
    cr_expect_not(role_is_child(ROLE_MASTER));
    cr_expect_not(role_is_child(ROLE_SUCCESSOR));
    cr_expect_not(role_is_child(ROLE_COUNT));
    cr_expect_not(role_is_child(UINT32_MAX));
    cr_expect(role_is_among(ROLE_CHILDREN, ROLE_SCOUT));
    cr_expect_not(role_is_among(ROLE_BIT(WORKER), ROLE_KEEPER));
    cr_expect_not(role_is_among(UINT32_MAX, ROLE_COUNT));
    cr_expect_not(role_is_among(UINT32_MAX, (enum role)40));
}
