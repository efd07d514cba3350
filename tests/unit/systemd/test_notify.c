#include "systemd/notify.h"

#include <event2/event.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/address.h"
#include "base/descriptors.h"
#include "base/scratch.h"

static struct notify notify;
static struct event_base *base;
static int manager = -1;
static char text[4096];
static int passed = -1;

static void
listen_at(const char *path)
{
    struct address address;

    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    cr_assert(address_from_path(&address, path));
    cr_assert_eq(bind(manager, (struct sockaddr *)&address.storage,
        address.length), 0);
}

static void
set_up(void)
{
    const char *path = scratch_path("notify");

    listen_at(path);
    setenv("NOTIFY_SOCKET", path, 1);
    base = event_base_new();
    notify_init(&notify);
    notify_attach(&notify, base);
}

static void
tear_down(void)
{
    notify_free(&notify);
    event_base_free(base);
    close(manager);
    scratch_remove();
}

TestSuite(notify, .init = set_up, .fini = tear_down, .timeout = 30);

/* The next datagram; "" if there is none. */
static const char *
heard(void)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = { text, sizeof(text) - 1 };
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };
    ssize_t got = recvmsg(manager, &message, MSG_CMSG_CLOEXEC);
    struct cmsghdr *header = got >= 0 ? CMSG_FIRSTHDR(&message) : NULL;

    text[got > 0 ? got : 0] = '\0';
    if (header != NULL)
        memcpy(&passed, CMSG_DATA(header), sizeof(passed));
    return text;
}

Test(notify, sends)
{
    notify_send(&notify, "READY=%d\nSTATUS=%s", 1, "good");
    cr_expect_str_eq(heard(), "READY=1\nSTATUS=good");
    notify_send(&notify, "STOPPING=1");
    cr_expect_str_eq(heard(), "STOPPING=1");
}

Test(notify, sends_descriptors)
{
    struct stat sent, received;
    int fd = fileno(tmpfile());
    size_t before = descriptors_count();

    notify_send_fd(&notify, fd, "FDSTORE=1");
    cr_expect_str_eq(heard(), "FDSTORE=1");
    cr_assert(passed >= 0);
    cr_expect_eq(fstat(fd, &sent), 0);
    cr_expect_eq(fstat(passed, &received), 0);
    cr_expect_eq(sent.st_ino, received.st_ino);
    close(passed);
    /* The connected socket is the one that is new. */
    cr_expect_eq(descriptors_count(), before + 1);
}

Test(notify, waits_for_a_slow_manager)
{
    enum { MANY = 1000 };
    char want[32];

    for (int i = 0; i < MANY; i++)
        notify_send_fd(&notify, STDIN_FILENO, "FDSTORE=%d", i);
    cr_expect_not(notify_flush(&notify, 0));
    for (int i = 0; i < MANY; i++) {
        snprintf(want, sizeof(want), "FDSTORE=%d", i);
        cr_assert_str_eq(heard(), want);
        close(passed);
        event_base_loop(base, EVLOOP_NONBLOCK);
    }
    cr_expect_str_eq(heard(), "");
    cr_expect(notify_flush(&notify, 0));
}

Test(notify, flushes)
{
    pid_t reader;
    int status;

    for (int i = 0; i < 100; i++)
        notify_send(&notify, "N=%d", i);
    cr_expect_not(notify_flush(&notify, 10));
    reader = fork();
    if (reader == 0) {
        alarm(20);
        while (strcmp(heard(), "N=99") != 0)
            continue;
        _exit(0);
    }
    cr_expect(notify_flush(&notify, 20000));
    cr_expect_eq(waitpid(reader, &status, 0), reader);
    cr_expect_eq(status, 0);
}

Test(notify, holds_what_it_has)
{
    notify_hold(&notify, true);
    notify_send(&notify, "A=1");
    notify_send(&notify, "B=1");
    cr_expect_str_eq(heard(), "");
    cr_expect_not(notify_flush(&notify, 1000));
    notify_hold(&notify, false);
    cr_expect_str_eq(heard(), "A=1");
    cr_expect_str_eq(heard(), "B=1");
}

Test(notify, leaves)
{
    size_t before = descriptors_count();

    notify_hold(&notify, true);
    notify_send_fd(&notify, STDIN_FILENO, "A=1");
    notify_leave(&notify);
    cr_expect_not(notify_is_on(&notify));
    notify_hold(&notify, false);
    notify_send(&notify, "B=1");
    cr_expect_str_eq(heard(), "");
    cr_expect_eq(descriptors_count(), before);
}

Test(notify, finds_a_manager_that_was_started_anew)
{
    const char *path = getenv("NOTIFY_SOCKET");

    notify_send(&notify, "A=1");
    close(manager);
    notify_send(&notify, "LOST=1");
    unlink(path);
    listen_at(path);
    notify_send(&notify, "B=1");
    cr_expect_str_eq(heard(), "B=1");
}

Test(notify, speaks_to_no_manager_without_being_told)
{
    static const char *const no_manager[] = { NULL, "", "relative", "vsock:2:1" };

    for (size_t i = 0; i < COUNT(no_manager); i++) {
        struct notify other;

        if (no_manager[i] != NULL)
            setenv("NOTIFY_SOCKET", no_manager[i], 1);
        else
            unsetenv("NOTIFY_SOCKET");
        notify_init(&other);
        notify_attach(&other, base);
        cr_expect_not(notify_is_on(&other));
        notify_send(&other, "A=1");
        cr_expect(notify_flush(&other, 1000));
        notify_free(&other);
    }
}
