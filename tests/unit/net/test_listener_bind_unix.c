#include "net/listener_bind.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/address.h"
#include "base/error.h"
#include "base/scratch.h"
#include "config/config.h"
#include "bound.h"

static struct bound set;
static struct error error;
static struct leg_config leg = { .backlog = 16, .mode = 0660 };
static char path[100];

static bool
open_path(char *at)
{
    return bound_unix(&set, at, &leg, &error);
}

/* Connects; returns the errno, 0 if it worked. */
static int
dial(const char *at)
{
    struct address address;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), code;

    cr_assert(address_from_path(&address, at));
    code = connect(fd, (struct sockaddr *)&address.storage, address.length) < 0
        ? errno
        : 0;
    close(fd);
    return code;
}

/* A socket of another program; `listens` false: as a dead one leaves it. */
static int
other_socket(int type, bool listens)
{
    struct address address;
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    cr_assert(address_from_path(&address, path));
    cr_assert_eq(
        bind(fd, (struct sockaddr *)&address.storage, address.length), 0);
    if (listens)
        cr_assert_eq(listen(fd, 1), 0);
    return fd;
}

static bool
exists(void)
{
    struct stat file;

    return lstat(path, &file) == 0;
}

static void
set_up(void)
{
    snprintf(path, sizeof(path), "%s", scratch_path("socket"));
}

static void
tear_down(void)
{
    bound_close(&set);
    error_clear(&error);
    scratch_remove();
}

TestSuite(listener_bind_unix, .init = set_up, .fini = tear_down, .timeout = 30);

Test(listener_bind_unix, makes_the_path_and_removes_it)
{
    cr_assert(open_path(path));
    cr_assert_eq(set.count, 1);
    cr_expect_eq(dial(path), 0);
    bound_close(&set);
    cr_expect_not(exists());
}

Test(listener_bind_unix, abstract_names_have_no_file)
{
    struct bound other = { .count = 0 };
    char name[64];

    snprintf(name, sizeof(name), "@sallyport-test-%d", (int)getpid());
    cr_assert(open_path(name));
    cr_expect_eq(dial(name), 0);
    cr_expect_not(bound_unix(&other, name, &leg, &error), "it is in use");
    cr_expect_eq(error.count, 1);
    bound_close(&set);
    cr_expect_eq(dial(name), ECONNREFUSED);
}

Test(listener_bind_unix, takes_over_what_a_dead_server_left)
{
    close(other_socket(SOCK_STREAM, true));
    cr_assert(exists());
    cr_assert_eq(dial(path), ECONNREFUSED);
    cr_expect(open_path(path));
    cr_expect_eq(dial(path), 0);
}

static void
expect_refusal(const char *why)
{
    struct stat before, after;

    lstat(path, &before);
    cr_expect_not(open_path(path));
    cr_assert_eq(error.count, 1);
    cr_expect_not_null(strstr(error.messages[0],
        "x.ini:7: [service web] listen: unix:PATH: "));
    cr_expect_not_null(strstr(error.messages[0], why));
    cr_assert_eq(lstat(path, &after), 0, "what was there is there");
    cr_expect_eq(before.st_ino, after.st_ino);
    cr_expect_eq(set.count, 0);
}

Test(listener_bind_unix, leaves_a_live_server_alone)
{
    int fd = other_socket(SOCK_STREAM, true);

    expect_refusal("a server listens on it");
    cr_expect_eq(dial(path), 0);
    close(fd);
}

Test(listener_bind_unix, leaves_a_busy_server_alone)
{
    int fd = other_socket(SOCK_STREAM, true), fds[8];
    struct address address;

    cr_assert(address_from_path(&address, path));
    for (size_t i = 0; i < COUNT(fds); i++) { /* more than its backlog takes */
        fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(
            fds[i], (struct sockaddr *)&address.storage, address.length);
    }
    expect_refusal("a server listens on it");
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
    close(fd);
}

Test(listener_bind_unix, leaves_a_server_of_another_kind_alone)
{
    int fd = other_socket(SOCK_DGRAM, false);

    expect_refusal("a server listens on it");
    close(fd);
}

Test(listener_bind_unix, leaves_files_alone)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);

    cr_assert_eq(write(fd, "precious", 8), 8);
    close(fd);
    expect_refusal("is not a socket");
}

Test(listener_bind_unix, leaves_links_alone)
{
    cr_assert_eq(symlink("/etc/passwd", path), 0);
    expect_refusal("is not a socket");
}

Test(listener_bind_unix, leaves_folders_alone)
{
    cr_assert_eq(mkdir(path, 0700), 0);
    expect_refusal("is not a socket");
    rmdir(path);
}

Test(listener_bind_unix, says_that_a_path_cannot_be)
{
    char missing[120], lengthy[200];

    snprintf(missing, sizeof(missing), "%s/no/such", path);
    cr_expect_not(open_path(missing));
    memset(lengthy, 'x', sizeof(lengthy) - 1);
    lengthy[sizeof(lengthy) - 1] = '\0';
    cr_expect_not(open_path(lengthy));
    cr_assert_eq(error.count, 2);
    cr_expect_not_null(strstr(error.messages[0], "No such file"));
    cr_expect_not_null(strstr(error.messages[1], "not a usable path"));
}

Test(listener_bind_unix, sets_the_mode)
{
    static const mode_t modes[] = { 0600, 0660, 0666, 0000 };

    umask(0027);
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct stat file;

        leg.mode = modes[i];
        cr_assert(open_path(path));
        cr_assert_eq(lstat(path, &file), 0);
        cr_expect_eq(file.st_mode & 07777, modes[i]);
        bound_close(&set);
    }
}

/* Giving files away takes root; any user may name itself. */
Test(listener_bind_unix, sets_the_owner)
{
    const struct passwd *user = getuid() == 0 ? getpwnam("nobody")
                                              : getpwuid(getuid());
    struct stat file;

    cr_assert_not_null(user);
    leg.owner = user->pw_name;
    cr_assert(open_path(path));
    cr_assert_eq(lstat(path, &file), 0);
    cr_expect_eq(file.st_uid, user->pw_uid);
    cr_expect_eq(file.st_gid, user->pw_gid);
}

/* A group that this process may give files to, and its number. */
static char *
other_group(gid_t *gid)
{
    static char name[] = "nogroup";
    const struct group *group = getgrnam(name);

    if (getuid() != 0 || group == NULL)
        cr_skip("only root may");
    *gid = group->gr_gid;
    return name;
}

Test(listener_bind_unix, sets_the_group_alone_or_with_the_owner)
{
    const char *owner_names[] = { NULL, "nobody", "root" };
    struct stat file;
    gid_t gid;

    leg.group = other_group(&gid);
    for (size_t i = 0; i < COUNT(owner_names); i++) {
        leg.owner = (char *)owner_names[i];
        cr_assert(open_path(path));
        cr_assert_eq(lstat(path, &file), 0);
        cr_expect_eq(file.st_gid, gid);
        cr_expect_eq(file.st_uid, i == 1 ? getpwnam("nobody")->pw_uid : 0);
        bound_close(&set);
    }
}

/* As the unit runs it: the account may give its socket to a group which it is
 * in, and to no other one. */
Test(listener_bind_unix, sets_a_group_of_its_own_without_root)
{
    struct stat file;
    gid_t gid;

    leg.group = other_group(&gid);
    cr_assert_eq(chmod(scratch_path(""), 0777), 0);
    cr_assert_eq(setgroups(1, &gid), 0);
    cr_assert_eq(setegid(12345), 0);
    cr_assert_eq(seteuid(12345), 0);
    cr_expect(open_path(path));
    cr_assert_eq(lstat(path, &file), 0);
    cr_expect_eq(file.st_gid, gid);
    cr_expect_eq(file.st_uid, 12345);
    bound_close(&set);
    leg.group = (char *)"root";
    cr_expect_not(open_path(path));
    cr_assert_eq(error.count, 1);
    cr_expect_not_null(strstr(error.messages[0], "cannot set listen.group"));
    cr_expect_not_null(strstr(error.messages[0], "usermod -aG"));
    leg.group = NULL;
    leg.owner = (char *)"root";
    cr_expect_not(open_path(path));
    cr_expect_not_null(strstr(error.messages[1], "without root it can only be "
        "the daemon's own user"));
    cr_assert_eq(seteuid(0), 0);
    cr_assert_eq(setegid(0), 0);
}

Test(listener_bind_unix, refuses_unknown_groups_and_leaves_nothing)
{
    leg.group = (char *)"no-such-group";
    cr_expect_not(open_path(path));
    cr_expect_not_null(strstr(error.messages[0],
        "cannot set listen.group: "));
    cr_expect_not_null(
        strstr(error.messages[0], "; it takes a group of this machine"));
    cr_expect_not(exists());
}

static const char *const owners[] = {
    "no-such-user", "root:no-such-group", ":root", "" };

Test(listener_bind_unix, refuses_unknown_owners_and_leaves_nothing)
{
    for (size_t i = 0; i < COUNT(owners); i++) {
        leg.owner = (char *)owners[i];
        cr_expect_not(open_path(path));
        cr_expect_not_null(
            strstr(error.messages[error.count - 1], "listen.owner"));
        cr_expect_not(exists());
    }
}

Test(listener_bind_unix, removes_only_what_is_still_its_own)
{
    int fd;

    cr_assert(open_path(path));
    cr_assert_eq(unlink(path), 0);
    fd = other_socket(SOCK_STREAM, true); /* took our place meanwhile */
    bound_close(&set);
    cr_expect(exists());
    cr_expect_eq(dial(path), 0);
    close(fd);
}
