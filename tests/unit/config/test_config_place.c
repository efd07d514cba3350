#include "config/config_place.h"

#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

static char folder[] = "/tmp/test_config_place.XXXXXX";

/* FOLDER/real is a directory, and FOLDER/link leads to it. */
static void
make_folder(void)
{
    char path[128];

    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/real", folder);
    cr_assert_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/link", folder);
    cr_assert_eq(symlink("real", path), 0);
}

static void
remove_folder(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(config_place, .init = make_folder, .fini = remove_folder);

Test(config_place, is_the_same_for_each_spelling)
{
    static const struct { const char *path, *place; } cases[] = {
        { "real/x", "real/x" },
        { "link/x", "real/x" },
        { "/real//x", "real/x" },
        { "./real/./x", "real/x" },
        { "link/../real/x", "real/x" },
        { "link", "link" },     /* what is bound is the link itself */
        { "none/x", "none/x" },
        { "/none//x", "none/x" },
        { "none/./x", "none/x" },
        { "./none/.x/y", "none/.x/y" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char path[256], wanted[256], *place;

        snprintf(path, sizeof(path), "%s/%s", folder, cases[i].path);
        snprintf(wanted, sizeof(wanted), "%s/%s", folder, cases[i].place);
        place = config_place_of_path(NULL, path);
        cr_assert_not_null(place);
        cr_expect_str_eq(place, wanted, "%s", cases[i].path);
        free(place);
    }
}

Test(config_place, may_be_the_root)
{
    static const char *const paths[] = { "/x", "//x", "/./x", "/../x" };

    for (size_t i = 0; i < COUNT(paths); i++) {
        char *place = config_place_of_path(NULL, paths[i]);

        cr_expect_str_eq(place, "/x", "%s", paths[i]);
        free(place);
    }
}
