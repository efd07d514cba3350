#include "config/config_peek.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/base.h"
#include "base/scratch.h"
#include "base/strings.h"

TestSuite(config_peek, .fini = scratch_remove);

static const char *
write_file(const char *text)
{
    const char *path = scratch_path("x.ini");
    FILE *file = fopen(path, "w");

    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
    return path;
}

Test(config_peek, finds_the_socket_whatever_else_is_wrong)
{
    static const struct { const char *text, *want; } cases[] = {
        { "", "auto" },
        { "[global]\ncontrol = auto\n", "auto" },
        { "[global]\ncontrol = none\n", "none" },
        { "[global]\ncontrol = /run/x\n", "/run/x" },
        { "[global]\n  control = /run/x\n", "auto" },
        { "[global]\ncontrol =\n", "auto" },
        { "[global]\ncontrol = /run/x\ncontrol = /run/y\n", "/run/x" },
        { "[[\nx\n[global]\n\x01\nlisten = 1\ncontrol = /run/x\n", "/run/x" },
        { "[service x]\ncontrol = /run/x\n", "auto" },
        { "control = /run/x\n", "auto" },
        { "[global]\ninclude = *.nothing\ncontrol = /run/x\n", "/run/x" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char *control = config_peek_control(write_file(cases[i].text));

        cr_expect_str_eq(control, cases[i].want, "%s", cases[i].text);
        free(control);
    }
}

Test(config_peek, takes_a_relative_path_from_the_files_folder)
{
    const char *file = write_file("[global]\ncontrol = the.socket\n");
    char *control = config_peek_control(file);
    char *folder = realpath(scratch_path(""), NULL);

    cr_expect_eq(control[0], '/');
    cr_expect_eq(strncmp(control, folder, strlen(folder)), 0);
    cr_expect_str_eq(strrchr(control, '/'), "/the.socket");
    free(folder);
    free(control);
}

Test(config_peek, of_a_file_that_cannot_be_read_is_the_default)
{
    static const char *const paths[] = {
        "/no/such/file.ini", "/", "", "/dev/null", "no-such-file.ini",
    };

    for (size_t i = 0; i < COUNT(paths); i++) {
        char *control = config_peek_control(paths[i]);

        cr_expect_str_eq(control, "auto", "%s", paths[i]);
        free(control);
    }
}

Test(config_peek, names_the_services_whatever_else_is_wrong)
{
    static const struct { const char *text; size_t count; const char *last; }
    cases[] = {
        { "", 0, NULL },
        { "[service a]\nlisten = 1\n[service b]\n", 2, "b" },
        { "[global]\nx\n[service a]\n  x\n", 1, "a" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct strings names = { NULL, 0 };

        cr_expect(config_peek_services(write_file(cases[i].text), &names));
        cr_assert_eq(names.count, cases[i].count, "%s", cases[i].text);
        if (names.count > 0)
            cr_expect_str_eq(names.items[names.count - 1], cases[i].last);
        strings_clear(&names);
    }
}

Test(config_peek, names_no_service_of_a_file_that_is_missing)
{
    struct strings names = { NULL, 0 };

    cr_expect(config_peek_services("/nonexistent", &names));
    cr_expect_eq(names.count, 0);
}
