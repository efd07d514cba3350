#include "base/path_why.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/base.h"
#include "scratch.h"

enum { OTHER_USER = 65534 };

static char folder[256];

static void
make_file(const char *name, mode_t mode)
{
    int fd = open(name, O_WRONLY | O_CREAT, 0600);

    cr_assert_geq(fd, 0);
    close(fd);
    cr_assert_eq(chmod(name, mode), 0);
}

/* shut/ only its owner may enter, and list/ only its owner may list. */
static void
make_tree(void)
{
    if (geteuid() != 0)
        cr_skip_test("only root can become another user");
    snprintf(folder, sizeof(folder), "%s", scratch_path("tree"));
    cr_assert_eq(mkdir(folder, 0755), 0);
    cr_assert_eq(chdir(folder), 0);
    cr_assert_eq(chmod("..", 0755), 0);
    cr_assert_eq(mkdir("shut", 0700), 0);
    cr_assert_eq(mkdir("list", 0711), 0);
    make_file("shut/key", 0644);
    make_file("key", 0600);
    make_file("open", 0644);
    cr_assert_eq(mkdir("live", 0755), 0);
    cr_assert_eq(symlink("../shut/key", "live/key"), 0);
    cr_assert_eq(symlink("loop", "loop"), 0);
    cr_assert_eq(seteuid(OTHER_USER), 0);
}

static void
remove_tree(void)
{
    if (seteuid(0) == 0 && chdir("/") == 0)
        scratch_remove();
}

TestSuite(path_why, .init = make_tree, .fini = remove_tree, .timeout = 30);

static void
expect_holds(const char *path, enum path_use use, const char *what,
    const char *where)
{
    char text[PATH_WHY_SIZE], whole[600], wanted[900];

    snprintf(wanted, sizeof(wanted), "Permission denied: user nobody may not "
        "%s %s%s (mode 0", what, folder, where);
    cr_expect(strncmp(path_why(path, use, EACCES, text), wanted,
        strlen(wanted)) == 0, "%s: %s", path, text);
    snprintf(whole, sizeof(whole), "%s/%s", folder, path);
    cr_expect(strncmp(path_why(whole, use, EACCES, text), wanted,
        strlen(wanted)) == 0, "%s: %s", whole, text);
    cr_expect_not_null(strstr(text, ", owner root, group root)"), "%s", text);
}

Test(path_why, names_what_keeps_the_user_out)
{
    expect_holds("shut/key", PATH_READ, "enter", "/shut");
    expect_holds("shut/missing", PATH_READ, "enter", "/shut");
    expect_holds("live/key", PATH_READ, "enter", "/shut");
    expect_holds("./live/../shut//key", PATH_READ, "enter", "/shut");
    expect_holds("key", PATH_READ, "read", "/key");
    expect_holds("list", PATH_READ, "read", "/list");
    expect_holds("open", PATH_WRITE, "write to", "/open");
    expect_holds("new", PATH_WRITE, "make a file in", "");
    expect_holds("shut/new", PATH_WRITE, "enter", "/shut");
}

Test(path_why, says_no_more_than_it_knows)
{
    static const struct { const char *path, *want; int why; } cases[] = {
        { "missing", "No such file or directory", ENOENT },
        { "shut/key", "Too many open files", EMFILE },
        { "loop", "Permission denied", EACCES },
        { "gone/away", "Permission denied", EACCES },
        { "", "Permission denied: the modes would let user nobody do that, so "
            "a rule of AppArmor, SELinux or the service manager keeps it out",
            EACCES },
        { "open", "Permission denied: the modes would let user nobody do that, "
            "so a rule of AppArmor, SELinux or the service manager keeps it "
            "out", EACCES },
    };
    char text[PATH_WHY_SIZE];

    for (size_t i = 0; i < COUNT(cases); i++)
        cr_expect_str_eq(path_why(cases[i].path, PATH_READ, cases[i].why,
            text), cases[i].want);
}

/* A path as long as there can be, and one of very many names. */
Test(path_why, has_bounds)
{
    char text[PATH_WHY_SIZE], path[3 * 4096];

    memset(path, 'x', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    cr_expect_str_eq(path_why(path, PATH_READ, EACCES, text),
        "Permission denied");
    memset(path, '/', sizeof(path) - 1);
    (void)path_why(path, PATH_READ, EACCES, text);
    path[4000] = '\0';
    (void)path_why(path, PATH_WRITE, EACCES, text);
    for (size_t i = 0; i + 2 < 4000; i += 2)
        memcpy(path + i, "./", 2);
    (void)path_why(path, PATH_READ, EACCES, text);
}
