#include "files/watch.h"

#include <event2/event.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"

/* Each test works in a folder of its own, by relative names. */
static char folder[PATH_MAX];
static struct event_base *base;
static struct watch *watch;
static unsigned calls;
static bool frees;
static bool rereads; /* "a" is set anew within the call */

static char *
absolute(const char *name)
{
    static char path[PATH_MAX + NAME_MAX];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void
set_again(const char *name)
{
    cr_assert(watch_set(watch, (char *[]){ absolute(name) }, 1));
}

static void
on_changed(void *arg)
{
    cr_assert_eq(arg, &calls);
    calls++;
    if (rereads)
        set_again("a");
    if (frees) {
        watch_free(watch);
        watch = NULL;
    }
    event_base_loopbreak(base);
}

static void
set_up(void)
{
    strcpy(folder, "/tmp/sallyport-watch-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);
    base = event_base_new();
    watch = watch_new(base, on_changed, &calls);
    cr_assert_not_null(watch);
    watch_set_times(watch, 50, 1);
}

static int
remove_one(const char *path, const struct stat *status, int kind,
    struct FTW *where)
{
    (void)status, (void)kind, (void)where;
    return remove(path);
}

static void
tear_down(void)
{
    watch_free(watch);
    event_base_free(base);
    log_close();
    cr_assert_eq(chdir("/"), 0);
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

TestSuite(watch, .init = set_up, .fini = tear_down, .timeout = 60);

static void
put(const char *name, const char *text)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    cr_assert_geq(fd, 0, "%s", name);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void
make_folder(const char *name)
{
    cr_assert_eq(mkdir(name, 0700), 0, "%s", name);
}

static void
make_link(const char *target, const char *name)
{
    cr_assert_eq(symlink(target, name), 0, "%s", name);
}

/* A link that is switched by renaming another one over it. */
static void
switch_link(const char *target, const char *name)
{
    make_link(target, "switching");
    cr_assert_eq(rename("switching", name), 0);
}

static void
on_time(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    event_base_loopbreak(base);
}

/* Until `changed` has been called once more, or the time is up. */
static void
turn_for(unsigned ms)
{
    struct event *timer = evtimer_new(base, on_time, NULL);
    struct timeval span = clock_span(ms);

    event_add(timer, &span);
    event_base_loop(base, 0);
    event_free(timer);
}

static void
expect_call(const char *what)
{
    unsigned before = calls;

    turn_for(5000);
    cr_expect_eq(calls, before + 1, "%s: %u calls", what, calls - before);
}

/* Longer than two looks and what is waited for between them. */
static void
expect_none(const char *what)
{
    unsigned before = calls;

    turn_for(750);
    cr_expect_eq(calls, before, "%s", what);
}

/* Of a path that is new there is a call. */
static void
set(const char *name)
{
    set_again(name);
    expect_call(name);
}

Test(watch, sees_a_file_rewritten_replaced_removed_and_made)
{
    put("a.pem", "one");
    set("a.pem");
    put("a.pem", "three");
    expect_call("rewritten");
    put("other", "four!");
    cr_assert_eq(rename("other", "a.pem"), 0);
    expect_call("renamed over");
    unlink("a.pem");
    expect_call("removed");
    put("a.pem", "five");
    expect_call("made");
    chmod("a.pem", 0000);
    expect_call("closed to readers");
    expect_none("nothing");
}

Test(watch, tells_nothing_of_other_files)
{
    put("a.pem", "one");
    put("b.pem", "one");
    set("a.pem");
    put("b.pem", "two");
    put("c.pem", "new");
    cr_assert_eq(rename("c.pem", "d.pem"), 0);
    make_folder("folder");
    expect_none("others");
}

Test(watch, tells_once_of_a_path_that_is_new)
{
    put("a.pem", "one");
    set("a.pem");
    set_again("a.pem");
    expect_none("known");
}

/* As rsync -t and restored backups leave it. */
Test(watch, sees_a_file_rewritten_that_looks_as_old)
{
    static const struct timespec old[] = { { 1000, 0 }, { 1000, 0 } };

    put("a.pem", "one");
    cr_assert_eq(utimensat(AT_FDCWD, "a.pem", old, 0), 0);
    set("a.pem");
    put("a.pem", "two");
    cr_assert_eq(utimensat(AT_FDCWD, "a.pem", old, 0), 0);
    expect_call("the same size, the same time");
}

/* As certbot does it. */
Test(watch, sees_a_link_to_another_folder_switched)
{
    make_folder("live");
    make_folder("live/x");
    make_folder("archive");
    make_folder("archive/x");
    put("archive/x/cert1.pem", "one");
    make_link("../../archive/x/cert1.pem", "live/x/cert.pem");
    set("live/x/cert.pem");
    put("archive/x/cert2.pem", "two");
    expect_none("a new one to which no link leads");
    switch_link("../../archive/x/cert2.pem", "live/x/cert.pem");
    expect_call("the link was switched");
    put("archive/x/cert2.pem", "three");
    expect_call("the new target was rewritten");
    put("archive/x/cert1.pem", "four");
    expect_none("the old target was rewritten");
}

/* As Kubernetes does it. */
Test(watch, sees_a_linked_folder_switched)
{
    make_folder("tls");
    make_folder("tls/..2026_1");
    put("tls/..2026_1/tls.crt", "one");
    make_link("..2026_1", "tls/..data");
    make_link("..data/tls.crt", "tls/tls.crt");
    set("tls/tls.crt");
    for (int i = 2; i < 5; i++) {
        char name[64], old[64];

        snprintf(name, sizeof(name), "tls/..2026_%d", i);
        make_folder(name);
        strcat(name, "/tls.crt");
        put(name, "next");
        snprintf(name, sizeof(name), "..2026_%d", i);
        switch_link(name, "tls/..data");
        snprintf(old, sizeof(old), "tls/..2026_%d/tls.crt", i - 1);
        unlink(old);
        *strrchr(old, '/') = '\0';
        rmdir(old);
        expect_call(name);
    }
}

Test(watch, follows_a_chain_of_links)
{
    make_folder("a");
    make_folder("b");
    make_folder("c");
    put("c/file", "one");
    make_link("file", "c/link");
    make_link(absolute("c/link"), "b/link");
    make_link("../b/./link", "a/link");
    set("a/link");
    put("c/file", "two");
    expect_call("the file");
    put("c/second", "two");
    switch_link("second", "c/link");
    expect_call("the last link");
    put("third", "three");
    switch_link(absolute("third"), "b/link");
    expect_call("the middle link");
    put("third", "four");
    expect_call("the new file");
    switch_link("nowhere", "a/link");
    expect_call("the first link leads nowhere");
    put("a/nowhere", "somewhere");
    expect_call("and now somewhere");
}

Test(watch, survives_links_in_a_circle)
{
    make_link("b", "a");
    make_link("a", "b");
    set("a");
    expect_none("a circle");
    unlink("b");
    put("b", "a file");
    expect_call("broken up");
}

Test(watch, sees_a_folder_removed_and_made_again)
{
    make_folder("one");
    make_folder("one/two");
    put("one/two/file", "text");
    set("one/two/file");
    unlink("one/two/file");
    rmdir("one/two");
    rmdir("one");
    expect_call("removed");
    make_folder("one");
    expect_none("not yet");
    make_folder("one/two");
    put("one/two/file", "text");
    expect_call("made again");
    put("one/two/file", "another text");
    expect_call("rewritten");
}

Test(watch, sees_a_folder_replaced)
{
    static const char *const moves[] = { "top", "top/middle", "top/middle/low" };

    for (size_t i = 0; i < COUNT(moves); i++) {
        make_folder("top");
        make_folder("top/middle");
        make_folder("top/middle/low");
        put("top/middle/low/file", "old");
        set("top/middle/low/file");
        expect_none("kept");
        cr_assert_eq(rename(moves[i], "away"), 0);
        expect_call(moves[i]);
        cr_assert_eq(rename("away", moves[i]), 0);
        expect_call(moves[i]);
        put("top/middle/low/file", "newer");
        expect_call("rewritten");
        unlink("top/middle/low/file");
        rmdir("top/middle/low");
        rmdir("top/middle");
        rmdir("top");
        expect_call("removed");
        cr_assert(watch_set(watch, NULL, 0));
    }
}

Test(watch, waits_for_what_is_not_there)
{
    set("a/b/c");
    make_folder("a");
    expect_none("the first folder");
    make_folder("a/b");
    put("a/b/c", "now");
    expect_call("all");
}

Test(watch, sees_what_happens_in_a_folder)
{
    make_folder("ca");
    put("ca/one.pem", "one");
    make_link("one.pem", "ca/hash.0");
    set("ca");
    put("ca/one.pem", "two");
    expect_call("rewritten");
    put("ca/two.pem", "new");
    expect_call("added");
    unlink("ca/one.pem");
    expect_call("removed");
    put("ca/passing", "by");
    unlink("ca/passing");
    expect_none("come and gone");
    put("beside", "it");
    expect_none("beside it");
}

Test(watch, tells_of_a_burst_once)
{
    put("a.pem", "one");
    set("a.pem");
    for (int i = 0; i < 1000; i++) {
        put("new", "two");
        cr_assert_eq(rename("new", "a.pem"), 0);
    }
    expect_call("burst");
    expect_none("once");
}

static void
write_again(evutil_socket_t fd, short what, void *arg)
{
    static unsigned size;
    char text[100000];

    (void)fd, (void)what, (void)arg;
    memset(text, 'x', sizeof(text));
    text[++size] = '\0';
    put("a.pem", text);
}

Test(watch, does_not_wait_for_quiet_for_ever)
{
    struct event *writer = event_new(base, -1, EV_PERSIST, write_again, NULL);
    struct timeval often = clock_span(50);

    put("a.pem", "one");
    set("a.pem");
    event_add(writer, &often);
    expect_call("without a pause");
    event_del(writer);
    put("a.pem", "the end");
    expect_call("the rest");
    expect_none("quiet");
    event_free(writer);
}

Test(watch, changes_its_mind)
{
    static char a[] = "a", b[] = "b";
    char *both[] = { a, b, a };

    put("a", "1");
    put("b", "1");
    cr_assert(watch_set(watch, both, 3));
    expect_call("both are new");
    put("b", "22");
    expect_call("b, by a relative path");
    cr_assert(watch_set(watch, both, 1));
    put("b", "333");
    expect_none("b no more");
    put("a", "22");
    expect_call("a");
    cr_assert(watch_set(watch, NULL, 0));
    put("a", "333");
    expect_none("nothing at all");
}

Test(watch, misses_nothing_while_the_paths_are_set)
{
    put("a", "1");
    set("a");
    put("a", "22");
    set_again("a");
    expect_call("between the two");
    rereads = true;
    put("a", "333");
    expect_call("set within the call");
    expect_none("and quiet");
}

Test(watch, may_be_freed_by_its_callback)
{
    put("a", "1");
    set("a");
    frees = true;
    put("a", "22");
    expect_call("freed");
    cr_expect_null(watch);
    watch_free(NULL);
}

/* A server of FUSE that never answers, as a dead one of NFS.  Its descriptor. */
static int
mount_dead(const char *name)
{
    char options[100];
    int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

    if (fd < 0 || unshare(CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return -1;
    make_folder(name);
    snprintf(options, sizeof(options),
        "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
    return mount("none", name, "fuse", 0, options) == 0 ? fd : -1;
}

static size_t
count_silent(void)
{
    struct strings silent = { 0 };
    size_t count;

    cr_assert(watch_silent(watch, &silent));
    count = silent.count;
    strings_clear(&silent);
    return count;
}

Test(watch, waits_for_no_file_system_that_does_not_answer)
{
    int fuse = mount_dead("dead");
    char *paths[] = { (char *)"a", (char *)"dead/b", (char *)"z" };

    if (fuse < 0)
        cr_skip_test("may not mount");
    put("a", "1");
    put("z", "1");
    cr_assert(watch_set(watch, paths, COUNT(paths)));
    expect_call("what comes before it and after it");
    cr_expect_eq(count_silent(), 1);
    for (int i = 0; i < 3; i++) {
        put("a", i % 2 == 0 ? "22" : "1");
        expect_call("beside it");
        cr_expect_eq(count_silent(), 1);
    }
    close(fuse);
    expect_call("it says that it is dead");
    cr_expect_eq(count_silent(), 0);
}
