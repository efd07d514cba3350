#include "admin/control_path.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/base.h"
#include "base/error.h"
#include "base/scratch.h"

static struct error error;

static void
set_up(void)
{
    setenv("XDG_RUNTIME_DIR", scratch_path("runtime"), 1);
}

static void
tear_down(void)
{
    error_clear(&error);
    scratch_remove();
}

TestSuite(control_path, .init = set_up, .fini = tear_down);

static void
touch(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    cr_assert_geq(fd, 0);
    close(fd);
}

static mode_t
mode_of(const char *path)
{
    struct stat file;

    cr_assert_eq(lstat(path, &file), 0, "%s", path);
    return file.st_mode & 07777;
}

/* Becomes a user whose paths are not in /run. */
static void
leave_root(void)
{
    if (geteuid() != 0)
        return;
    cr_assert_eq(chmod(scratch_path(""), 0777), 0);
    cr_assert_eq(seteuid(65534), 0);
}

static void
expect_error(const char *part)
{
    cr_assert_eq(error.count, 1);
    cr_expect(strstr(error.messages[0], part) != NULL, "%s",
        error.messages[0]);
    error_clear(&error);
}

Test(control_path, is_what_is_written)
{
    char *path = control_path(NULL, "/run/x/control", &error);

    cr_expect_str_eq(path, "/run/x/control");
    free(path);
    cr_expect_null(control_path("/etc/x.ini", "none", &error));
    cr_expect_null(control_path(NULL, "auto", &error));
    cr_expect(!error_any(&error));
}

Test(control_path, follows_from_the_files_real_name)
{
    char *config = strdup(scratch_path("x.ini"));
    char *link = strdup(scratch_path("link.ini"));
    char *first, *same, *gone, *other;

    touch(config);
    cr_assert_eq(symlink(config, link), 0);
    first = control_path(config, "auto", &error);
    same = control_path(link, "auto", &error);
    other = control_path(scratch_path("y.ini"), "auto", &error);
    cr_expect_str_eq(first, same);
    cr_expect_str_neq(first, other);
    cr_assert_eq(unlink(config), 0);
    gone = control_path(config, "auto", &error);
    cr_expect_str_eq(first, gone, "a file that is missing has its path");
    cr_expect_eq(strspn(strrchr(first, '/') + 1, "0123456789abcdef"), 16);
    cr_expect_str_eq(strrchr(first, '.'), ".control");
    free(first);
    free(same);
    free(gone);
    free(other);
    free(config);
    free(link);
}

/* It must not change with a version: the daemon and the program that asks may be
 * of two. */
Test(control_path, is_the_same_in_every_version)
{
    char *path = control_path("/etc/no-such-file.ini", "auto", &error);

    cr_expect_str_eq(strrchr(path, '/'), "/64e34d3f6a329ce7.control");
    free(path);
}

Test(control_path, is_where_the_service_manager_says)
{
    static const struct { const char *given; bool root; } cases[] = {
        { "/run/sallyport", true },
        { "/run/sallyport:/run/sallyport/web", true },
        { "/run/x:/run/sallyport", true },
        { "/run/sallyport/web", false },
        { "/run/sallyportx:/x/run/sallyport", false },
        { ":", false },
        { "", false },
    };

    leave_root();
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *path;

        setenv("RUNTIME_DIRECTORY", cases[i].given, 1);
        path = control_path("/x.ini", "auto", &error);
        cr_expect_eq(strncmp(path, "/run/sallyport/", 15) == 0, cases[i].root,
            "%s: %s", cases[i].given, path);
        free(path);
    }
}

Test(control_path, is_in_a_folder_of_the_user)
{
    char want[64], *path = control_path("/x.ini", "auto", &error);

    if (geteuid() == 0)
        cr_expect_eq(strncmp(path, "/run/sallyport/", 15), 0);
    free(path);
    leave_root();
    path = control_path("/x.ini", "auto", &error);
    cr_expect_eq(strncmp(path, getenv("XDG_RUNTIME_DIR"),
        strlen(getenv("XDG_RUNTIME_DIR"))), 0);
    free(path);
    for (size_t i = 0; i < 2; i++) {
        /* Neither is a folder. */
        if (i == 0)
            setenv("XDG_RUNTIME_DIR", "relative", 1);
        else
            unsetenv("XDG_RUNTIME_DIR");
        snprintf(want, sizeof(want), "/tmp/sallyport-%u/",
            (unsigned)geteuid());
        path = control_path("/x.ini", "auto", &error);
        cr_expect_eq(strncmp(path, want, strlen(want)), 0, "%s", path);
        free(path);
    }
}

Test(control_path, is_listened_on_by_the_owner_only)
{
    const char *path = scratch_path("control");
    int fd = control_listen(path, &error), client;

    cr_assert_geq(fd, 0);
    cr_expect_eq(mode_of(path), 0600);
    cr_expect(fcntl(fd, F_GETFL) & O_NONBLOCK);
    cr_expect(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    client = control_connect(path, "", &error);
    cr_expect_geq(client, 0);
    close(client);
    close(fd);
}

Test(control_path, of_a_dead_daemon_is_taken_over)
{
    char *path = strdup(scratch_path("control"));
    int fd = control_listen(path, &error);

    cr_assert_geq(fd, 0);
    cr_expect_lt(control_listen(path, &error), 0);
    expect_error("ask it with: sallyport status -s");
    control_remove(path);
    cr_expect_eq(access(path, F_OK), 0, "it is served");
    close(fd);
    fd = control_listen(path, &error);
    cr_expect_geq(fd, 0);
    close(fd);
    control_remove(path);
    cr_expect_lt(access(path, F_OK), 0);
    touch(path);
    cr_expect_lt(control_listen(path, &error), 0);
    expect_error("is not a socket");
    free(path);
}

Test(control_path, that_cannot_be_is_refused)
{
    char longer[200];

    memset(longer, 'x', sizeof(longer) - 1);
    longer[0] = '/';
    longer[sizeof(longer) - 1] = '\0';
    cr_expect_lt(control_listen(longer, &error), 0);
    expect_error("longer than");
    cr_expect_lt(control_listen(scratch_path("no/such/folder"), &error), 0);
    expect_error("No such file");
    cr_expect_lt(control_connect(longer, "", &error), 0);
    expect_error("name too long");
    cr_expect_lt(control_connect(scratch_path("x"), "; really?", &error), 0);
    expect_error(": No such file or directory; really?");
}

Test(control_path, that_is_automatic_gets_its_folder)
{
    char *path, *folder;
    int fd;

    leave_root();
    cr_assert_eq(mkdir(getenv("XDG_RUNTIME_DIR"), 0700), 0);
    path = control_path("/x.ini", "auto", &error);
    umask(0777);
    fd = control_listen(path, &error);
    cr_assert_geq(fd, 0, "%s", error.messages[0]);
    folder = strndup(path, (size_t)(strrchr(path, '/') - path));
    cr_expect_eq(mode_of(folder), 0700);
    cr_expect_eq(mode_of(path), 0600);
    close(fd);

    cr_assert_eq(chmod(folder, 0770), 0);
    cr_expect_lt(control_listen(path, &error), 0);
    expect_error("may be changed by other users; chmod go-w");
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(rmdir(folder), 0);
    cr_assert_eq(symlink("/tmp", folder), 0);
    cr_expect_lt(control_listen(path, &error), 0);
    expect_error("is not a directory; remove it");
    cr_assert_eq(unlink(folder), 0);
    cr_assert_eq(rmdir(getenv("XDG_RUNTIME_DIR")), 0);
    free(folder);
    free(path);
}

/* As root beside a unit that runs as another user: what is there is its. */
Test(control_path, in_a_folder_of_another_user_is_not_to_be_removed)
{
    struct ucred own = { .pid = getpid() };
    char said[64], *folder = strdup(scratch_path("runtime/sallyport"));
    char *path;
    int fd;

    if (geteuid() != 0)
        cr_skip("only root can be another user");
    cr_assert_eq(mkdir(getenv("XDG_RUNTIME_DIR"), 0777), 0);
    cr_assert_eq(mkdir(folder, 0700), 0);
    leave_root();
    path = control_path("/x.ini", "auto", &error);
    cr_expect_lt(control_listen(path, &error), 0);
    cr_expect_null(strstr(error_first(&error), "remove"));
    expect_error("is a directory of user root, where only a daemon of that "
        "user has a control socket");

    cr_assert_eq(seteuid(0), 0);
    cr_assert_eq(chown(folder, 65534, (gid_t)-1), 0);
    cr_assert_eq(seteuid(65534), 0);
    fd = control_listen(path, &error);
    cr_assert_geq(fd, 0, "%s", error_first(&error));
    cr_assert_eq(seteuid(0), 0);
    cr_expect_lt(control_listen(path, &error), 0);
    cr_expect_null(strstr(error_first(&error), "remove"));
    snprintf(said, sizeof(said), "(pid %d, user nobody)", (int)own.pid);
    expect_error(said);
    close(fd);
    free(folder);
    free(path);
}

Test(control_path, of_another_user_is_not_spoken_to)
{
    static const char path[] = "@sallyport-test-control-path";
    int fd;

    if (geteuid() != 0)
        cr_skip("only root can be another user");
    cr_assert_eq(seteuid(65533), 0);
    fd = control_listen(path, &error);
    cr_assert_geq(fd, 0);
    cr_assert_eq(seteuid(0), 0);
    cr_assert_eq(seteuid(65534), 0);
    cr_expect_lt(control_connect(path, "", &error), 0);
    expect_error("user 65533, neither root nor you");
    cr_assert_eq(seteuid(0), 0);
    close(fd);
}

/* 16 clients that wait, and no process that accepts. */
Test(control_path, with_a_full_queue_is_given_up, .timeout = 30)
{
    const char *path = scratch_path("control");
    int fd = control_listen(path, &error), clients[64];
    size_t count = 0;

    while (count < COUNT(clients) &&
        (clients[count] = control_connect(path, "", &error)) >= 0)
        count++;
    cr_expect_lt(count, COUNT(clients));
    expect_error("cannot reach the daemon");
    while (count > 0)
        close(clients[--count]);
    close(fd);
}
