#include "sandbox/privileges.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/error.h"

TestSuite(privileges, .timeout = 30);

static void
want_root(void)
{
    if (geteuid() != 0)
        cr_skip_test("only root can become another user");
}

/* What is left of `run` in a child: its exit code. */
static int
in_child(int (*run)(void))
{
    pid_t child = fork();
    int status;

    cr_assert_geq(child, 0);
    if (child == 0)
        _exit(run());
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status), "%#x", status);
    return WEXITSTATUS(status);
}

/* A copy of what the next look-up would write over. */
static const struct passwd *
usual(void)
{
    static struct passwd copy;
    static char name[64];
    const struct passwd *entry = getpwnam("sallyport");

    if (entry == NULL)
        entry = getpwnam("nobody");
    copy = *entry;
    snprintf(name, sizeof(name), "%s", entry->pw_name);
    copy.pw_name = name;
    return &copy;
}

Test(privileges, finds_an_account_for_root)
{
    const struct passwd *entry = usual();
    char number[32];
    struct {
        const char *user, *group;
        uid_t uid;
        gid_t gid;
    } cases[] = {
        { NULL, NULL, entry->pw_uid, entry->pw_gid },
        { entry->pw_name, NULL, entry->pw_uid, entry->pw_gid },
        { number, NULL, entry->pw_uid, entry->pw_gid },
        { NULL, "root", entry->pw_uid, 0 },
        { NULL, "12345", entry->pw_uid, 12345 },
        { "54321", "12345", 54321, 12345 },
        { "4294967294", "4294967294", 4294967294, 4294967294 },
        { "root", NULL, 0, 0 },
    };

    want_root();
    snprintf(number, sizeof(number), "%lu", (unsigned long)entry->pw_uid);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error error = { 0 };
        struct account account;

        cr_assert(account_find(
            cases[i].user, cases[i].group, &account, &error), "%zu", i);
        cr_expect_eq(account.uid, cases[i].uid, "%zu", i);
        cr_expect_eq(account.gid, cases[i].gid, "%zu", i);
        cr_expect_not_null(account.name);
        cr_expect_not(error_any(&error));
        account_clear(&account);
        account_clear(&account);
    }
}

Test(privileges, explains_what_is_not_there)
{
    static const struct { const char *user, *group, *want; } cases[] = {
        { "no-such-user", NULL, "there is no user no-such-user" },
        { NULL, "no-such-group", "there is no group no-such-group" },
        { "54321", NULL, "user 54321 has no entry among the system's users" },
        { "4294967295", "1", "there is no user 4294967295" },
        { "1", "4294967295", "there is no group 4294967295" },
        { "-1", NULL, "there is no user -1" },
        { "0x10", NULL, "there is no user 0x10" },
        { "", NULL, "there is no user " },
    };

    want_root();
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error error = { 0 };
        struct account account;

        cr_expect_not(account_find(
            cases[i].user, cases[i].group, &account, &error));
        cr_assert_eq(error.count, 1);
        cr_expect_eq(strncmp(error.messages[0], cases[i].want,
            strlen(cases[i].want)), 0, "%s", error.messages[0]);
        error_clear(&error);
    }
}

/* The number of the first check that does not hold; 0: all do. */
#define CHECK(condition) \
    do { \
        if (!(condition)) \
            return __LINE__ % 255 + 1; \
    } while (0)

static bool
status_says(const char *name, const char *want)
{
    FILE *file = fopen("/proc/self/status", "r");
    size_t length = strlen(name);
    bool says = false;
    char line[4096];

    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, name, length) == 0 && line[length] == ':') {
            char *value = line + length + 1;

            value[strcspn(value, "\n")] = '\0';
            says = strcmp(value + strspn(value, " \t"), want) == 0;
        }
    if (file != NULL)
        fclose(file);
    return says;
}

static int
drop_to_usual(void)
{
    const gid_t groups[] = { 1, 2, 3 };
    const struct passwd *entry = usual();
    struct error error = { 0 };
    struct account account;

    CHECK(setgroups(COUNT(groups), groups) == 0);
    CHECK(account_find(NULL, NULL, &account, &error));
    CHECK(privileges_drop(&account, &error));
    CHECK(!error_any(&error));
    CHECK(getuid() == entry->pw_uid && geteuid() == entry->pw_uid);
    CHECK(getgid() == entry->pw_gid && getegid() == entry->pw_gid);
    CHECK(getgroups(0, NULL) == 0);
    CHECK(setuid(0) != 0 && setgid(0) != 0 && setgroups(0, NULL) != 0);
    CHECK(open("/etc/shadow", O_RDONLY) < 0);
    CHECK(status_says("CapPrm", "0000000000000000"));
    CHECK(status_says("CapEff", "0000000000000000"));
    CHECK(status_says("CapAmb", "0000000000000000"));
    CHECK(status_says("NoNewPrivs", "1"));
    account_clear(&account);
    return 0;
}

/* Promise 25 */
Test(privileges, are_dropped_for_good)
{
    want_root();
    cr_expect_eq(in_child(drop_to_usual), 0);
}

static int
drop_to_numbers(void)
{
    struct error error = { 0 };
    struct account account;

    CHECK(account_find("54321", "12345", &account, &error));
    CHECK(privileges_drop(&account, &error));
    CHECK(geteuid() == 54321 && getegid() == 12345);
    account_clear(&account);
    return 0;
}

Test(privileges, are_dropped_to_numbers)
{
    want_root();
    cr_expect_eq(in_child(drop_to_numbers), 0);
}

static int
stay_root(void)
{
    struct error error = { 0 };
    struct account account;

    CHECK(account_find("root", NULL, &account, &error));
    CHECK(privileges_drop(&account, &error));
    CHECK(geteuid() == 0);
    CHECK(status_says("CapPrm", "0000000000000000"));
    CHECK(setgroups(0, NULL) != 0);
    account_clear(&account);
    return 0;
}

/* Promise 25 */
Test(privileges, of_root_are_without_capabilities)
{
    want_root();
    cr_expect_eq(in_child(stay_root), 0);
}

/* Everything for a user that is not root. */
static int
is_nobody_else(void)
{
    static const struct { const char *user, *group, *want; } cases[] = {
        { "root", NULL, "cannot run as user root: only root could, and this "
            "was started by 54321" },
        { "no-such-user", NULL, "cannot run as user no-such-user" },
        { NULL, "root", "cannot run as group root: only root could" },
        { "12345", NULL, "cannot run as user 12345" },
    };
    struct error error = { 0 };
    struct account account;

    if (geteuid() == 0)
        CHECK(setresgid(54321, 54321, 54321) == 0 &&
            setresuid(54321, 54321, 54321) == 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        CHECK(!account_find(cases[i].user, cases[i].group, &account, &error));
        CHECK(error.count == 1);
        CHECK(geteuid() != 54321 || strncmp(error.messages[0], cases[i].want,
            strlen(cases[i].want)) == 0);
        error_clear(&error);
    }
    CHECK(account_find(NULL, NULL, &account, &error));
    CHECK(account.uid == geteuid() && account.gid == getegid());
    account_clear(&account);
    if (geteuid() == 54321) {
        CHECK(account_find("54321", "54321", &account, &error));
        account_clear(&account);
    }
    CHECK(account_find(NULL, NULL, &account, &error));
    CHECK(privileges_drop(&account, &error));
    CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    account_clear(&account);
    return 0;
}

Test(privileges, of_others_than_root_stay_what_they_are)
{
    cr_expect_eq(in_child(is_nobody_else), 0);
}

static int
become_another(void)
{
    struct account account = { 12345, 12345, (char[]){ "other" } };
    struct error error = { 0 };

    if (geteuid() == 0)
        CHECK(setresuid(54321, 54321, 54321) == 0);
    CHECK(!privileges_drop(&account, &error));
    CHECK(error.count == 1);
    CHECK(strstr(error.messages[0], "cannot become user other: setres") != NULL);
    error_clear(&error);
    return 0;
}

Test(privileges, cannot_be_dropped_to_another_by_others_than_root)
{
    cr_expect_eq(in_child(become_another), 0);
}

static int
become_with_groups(void)
{
    static char daemon_group[] = "daemon", number[] = "4711";
    char *more[] = { daemon_group, number };
    struct account account;
    struct error error = { 0 };
    gid_t groups[256];
    unsigned found = 0;
    int count;

    if (!account_find("nobody", "nogroup", &account, &error) ||
        !privileges_become(&account, more, COUNT(more), &error))
        return 1;
    count = getgroups(COUNT(groups), groups);
    for (int i = 0; i < count; i++)
        found += groups[i] == 4711 || groups[i] == getgrnam("daemon")->gr_gid;
    if (found != COUNT(more) || getuid() != account.uid ||
        getegid() != account.gid)
        return 2;
    return setuid(0) == 0 || seteuid(0) == 0 ? 3 : 0;
}

Test(privileges, becomes_a_units_user_with_its_groups)
{
    want_root();
    cr_expect_eq(in_child(become_with_groups), 0);
}

static int
become_of_unknown_group(void)
{
    static char none[] = "no-such-group";
    char *more[] = { none };
    struct account account;
    struct error error = { 0 };

    return account_find("nobody", "nogroup", &account, &error) &&
        !privileges_become(&account, more, 1, &error) && error.count == 1 &&
        strstr(error.messages[0], "no-such-group") != NULL ? 0 : 1;
}

Test(privileges, does_not_become_a_member_of_an_unknown_group)
{
    want_root();
    cr_expect_eq(in_child(become_of_unknown_group), 0);
}
