#include "process/watch_way.h"

#include <sys/stat.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/base.h"

static char folder[PATH_MAX];
static char told[1000]; /* names below the folder; "!" behind: entries count */

static void
set_up(void)
{
    static const char *const folders[] = { "a", "a/b", "a/b/c", "d" };
    static const struct { const char *target, *name; } links[] = {
        { "a/b", "relative" }, { "../a/b/c", "d/up" }, { "up", "d/again" },
        { "circle", "circle" }, { "none", "dangling" }, { "file/x", "through" },
        { "", NULL },
    };
    char path[PATH_MAX];

    strcpy(folder, "/tmp/sallyport-way-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_not_null(realpath(folder, path));
    strcpy(folder, path);
    cr_assert_eq(chdir(folder), 0);
    for (size_t i = 0; i < COUNT(folders); i++)
        cr_assert_eq(mkdir(folders[i], 0700), 0);
    for (size_t i = 0; links[i].name != NULL; i++)
        cr_assert_eq(symlink(links[i].target, links[i].name), 0);
    snprintf(path, sizeof(path), "%.4000s/a", folder);
    cr_assert_eq(symlink(path, "absolute"), 0);
    fclose(fopen("file", "w"));
    fclose(fopen("a/b/c/file", "w"));
}

static void
tear_down(void)
{
    static const char *const names[] = {
        "a/b/c/file", "a/b/c", "a/b", "a", "d/up", "d/again", "d", "relative",
        "circle", "dangling", "through", "absolute", "file",
    };

    for (size_t i = 0; i < COUNT(names); i++)
        remove(names[i]);
    cr_assert_eq(chdir("/"), 0);
    cr_expect_eq(rmdir(folder), 0);
}

TestSuite(watch_way, .init = set_up, .fini = tear_down, .timeout = 30);

/* What is not in the folder is on the way to it, and counts itself only. */
static void
on_directory(void *arg, const char *directory, enum watch_way way)
{
    size_t length = strlen(folder), end = strlen(told);

    (void)arg;
    if (strncmp(directory, folder, length) != 0) {
        cr_expect_eq(way, WATCH_WAY_ITSELF, "%s", directory);
        cr_expect_eq(strncmp(directory, folder, strlen(directory)), 0);
        return;
    }
    snprintf(told + end, sizeof(told) - end, "%s%s%s", end > 0 ? " " : "",
        directory[length] == '/' ? directory + length + 1 : ".",
        way == WATCH_WAY_ENTRIES ? "!" : "");
}

static void
expect_way(const char *path, const char *want)
{
    *told = '\0';
    watch_way_walk(path, on_directory, NULL);
    cr_expect_str_eq(told, want, "%s: %s", path, told);
}

static const struct { const char *path, *want; } ways[] = {
    { "file", ".! file!" },
    { "./././/file", ".! file!" },
    { "a", ".! a!" },
    { "a/", ".! a!" },
    { "a/b/c/file", ". a a/b a/b/c! a/b/c/file!" },
    { "a/../d/../file", ". . .! file!" },
    { "none", ".!" },
    { "none/of/these", ".!" },
    { "a/none/here", ". a!" },
    { "file/below", ". file!" },
    { "relative", ".! . a! a/b!" },
    { "relative/c/file", ".! . a a/b a/b/c! a/b/c/file!" },
    { "absolute/b", ".! . a! a/b!" },
    { "d/up/file", ". d! . a a/b a/b/c! a/b/c/file!" },
    { "d/again", ". d! d! . a a/b! a/b/c!" },
    { "dangling", ".! .!" },
    { "through", ".! . file!" },
    { "", ".!" },
};

Test(watch_way, follows_every_link)
{
    for (size_t i = 0; i < COUNT(ways); i++)
        expect_way(ways[i].path, ways[i].want);
}

Test(watch_way, means_the_same_by_an_absolute_path)
{
    char path[PATH_MAX];

    for (size_t i = 0; i < COUNT(ways); i++) {
        if (*ways[i].path == '\0')
            continue;
        snprintf(path, sizeof(path), "%.2000s/%s", folder, ways[i].path);
        *told = '\0';
        watch_way_walk(path, on_directory, NULL);
        cr_expect_not_null(strstr(told, strchr(ways[i].want, '!')), "%s: %s",
            path, told);
    }
}

Test(watch_way, has_an_end)
{
    static char deep[PATH_MAX * 2];

    *told = '\0';
    watch_way_walk("circle", on_directory, NULL);
    cr_expect_lt(strlen(told), 200, "%s", told);
    memset(deep, '/', sizeof(deep) - 1);
    expect_way(deep, "");
    deep[PATH_MAX - 1] = '\0';
    memset(deep, 'x', 1000);
    expect_way(deep, ".!");
    for (size_t i = 0; i + 1 < PATH_MAX - 1; i += 2)
        memcpy(deep + i, "x/", 2);
    expect_way(deep, ".!");
}
