#include "admin/verbs.h"

#include <ctype.h>
#include <string.h>

#include <criterion/criterion.h>

Test(verbs, every_row_is_complete)
{
    for (enum verb verb = 0; verb < VERB_COUNT; verb++) {
        const struct verb_info *info = verbs_info(verb);

        cr_assert_not_null(info->name, "%d", (int)verb);
        for (const char *at = info->name; *at != '\0'; at++)
            cr_expect(islower(*at), "%s", info->name);
        cr_expect_gt(info->patience_ms, info->master_ms, "%s", info->name);
        cr_expect_not(info->has_json && info->argument != NULL, "%s",
            info->name);
        if (info->help != NULL)
            cr_expect_leq(strlen(info->help), 51, "%s: a line of help",
                info->name);
    }
}

Test(verbs, are_found_by_their_whole_name)
{
    enum verb found;

    for (enum verb verb = 0; verb < VERB_COUNT; verb++) {
        const char *name = verbs_info(verb)->name;

        cr_expect(verbs_find(name, strlen(name), &found));
        cr_expect_eq(found, verb, "%s is there twice", name);
        cr_expect_not(verbs_find(name, strlen(name) - 1, &found), "%s", name);
    }
    cr_expect_not(verbs_find("", 0, &found));
    cr_expect_not(verbs_find("statusx", 7, &found));
    cr_expect(verbs_find("statusx", 6, &found));
}
