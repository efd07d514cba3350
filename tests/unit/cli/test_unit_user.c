#include "cli/unit_user.h"

#include <string.h>

#include <criterion/criterion.h>

#include "base/base.h"

Test(unit_user, is_found_by_the_name_of_the_file)
{
    static const struct { const char *path, *unit; } cases[] = {
        { "/etc/sallyport/sallyport.ini", "sallyport.service" },
        { "/etc/sallyport/web.ini", "sallyport@web.service" },
        { "/etc/sallyport/a.b.ini", "sallyport@a.b.service" },
        { "/etc/sallyport/.ini", NULL },
        { "/etc/sallyport/web", NULL },
        { "/etc/sallyport/web.ini.bak", NULL },
        { "/etc/sallyport/services/web.ini", NULL },
        { "/etc/sallyport/", NULL },
        { "/etc/sallyport", NULL },
        { "/home/web.ini", NULL },
        { "sallyport.ini", NULL },
        { "", NULL },
    };
    char unit[NAME_MAX + 1];

    for (size_t i = 0; i < COUNT(cases); i++) {
        bool named = unit_user_name(cases[i].path, unit);

        cr_expect_eq(named, cases[i].unit != NULL, "%s", cases[i].path);
        if (named && cases[i].unit != NULL)
            cr_expect_str_eq(unit, cases[i].unit);
    }
}

Test(unit_user, of_a_file_that_no_unit_serves_is_none)
{
    struct unit_user found;

    cr_expect_not(unit_user_find("/etc/passwd", &found));
    cr_expect_not(unit_user_find("/etc/sallyport/none-such.ini", &found));
    cr_expect_null(found.user);
    unit_user_clear(&found);
}
