#include "base/fd_pass.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/base.h"

enum { FDS_MOST = 5 };

static bool
is_same(int a, int b)
{
    char byte = 'x', got = '\0';

    return write(a, &byte, 1) == 1 && read(b, &got, 1) == 1 && got == byte;
}

/* Sends the writing ends of as many pipes. */
static void
send_ends(int to, const int *ends, size_t count)
{
    union fd_pass pass;
    struct iovec part = { (char *)"!", 1 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

    fd_pass_pack(&message, &pass, ends, count);
    cr_assert_eq(sendmsg(to, &message, MSG_DONTWAIT), 1);
}

static size_t
receive_ends(int from, size_t most, int *fds, bool *lost)
{
    union fd_pass pass;
    char byte;
    struct iovec part = { &byte, 1 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

    fd_pass_expect(&message, &pass, most);
    cr_assert_eq(recvmsg(from, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC), 1);
    *lost = (message.msg_flags & MSG_CTRUNC) != 0;
    return fd_pass_unpack(&message, fds, most);
}

Test(fd_pass, carries_as_many_as_are_expected)
{
    static const struct {
        size_t sent, most, want;
        bool lost;
    } cases[] = {
        { 0, 0, 0, false }, { 0, 2, 0, false }, { 1, 1, 1, false },
        { 1, 2, 1, false }, { 2, 2, 2, false }, { 2, 1, 1, true },
        { 1, 0, 0, true },
    };
    int sockets[2], pipes[FD_PASS_MAX][2], ends[FD_PASS_MAX];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets), 0);
    for (size_t i = 0; i < FD_PASS_MAX; i++) {
        cr_assert_eq(pipe(pipes[i]), 0);
        ends[i] = pipes[i][1];
    }
    for (size_t i = 0; i < COUNT(cases); i++) {
        int fds[FD_PASS_MAX] = { 1000, 1000 };
        bool lost;

        send_ends(sockets[0], ends, cases[i].sent);
        cr_expect_eq(receive_ends(sockets[1], cases[i].most, fds, &lost),
            cases[i].want, "case %zu", i);
        cr_expect_eq(lost, cases[i].lost, "case %zu", i);
        for (size_t k = 0; k < cases[i].most; k++) {
            cr_expect_eq(fds[k] >= 0, k < cases[i].want, "case %zu", i);
            if (fds[k] < 0)
                continue;
            cr_expect(is_same(fds[k], pipes[k][0]), "case %zu", i);
            cr_expect_eq(fcntl(fds[k], F_GETFD), FD_CLOEXEC);
            close(fds[k]);
        }
    }
    for (size_t i = 0; i < FD_PASS_MAX; i++) {
        close(pipes[i][0]);
        close(pipes[i][1]);
    }
    close(sockets[0]);
    close(sockets[1]);
}

static int
open_one(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    cr_assert_geq(fd, 0);
    return fd;
}

/* Puts a header with descriptors behind the others of a control part. */
static void
add_header(struct msghdr *message, int type, const int *fds, size_t count)
{
    struct cmsghdr *header = (struct cmsghdr *)((char *)message->msg_control +
        message->msg_controllen);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(header), fds, count * sizeof(int));
    message->msg_controllen += CMSG_SPACE(count * sizeof(int));
}

/* As no kernel does it: more than was asked for, in several headers. */
Test(fd_pass, closes_what_it_cannot_keep)
{
    union {
        struct cmsghdr header;
        char bytes[3 * CMSG_SPACE(FDS_MOST * sizeof(int))];
    } control = { .bytes = { 0 } };
    struct msghdr message = { .msg_control = &control };
    int sent[FDS_MOST], fds[FD_PASS_MAX], other = open_one();

    for (size_t i = 0; i < FDS_MOST; i++)
        sent[i] = open_one();
    add_header(&message, SCM_RIGHTS, sent, 1);
    add_header(&message, SCM_RIGHTS + 100, &other, 1);
    add_header(&message, SCM_RIGHTS, sent + 1, FDS_MOST - 1);
    cr_expect_eq(fd_pass_unpack(&message, fds, FD_PASS_MAX), FD_PASS_MAX);
    for (size_t i = 0; i < FDS_MOST; i++) {
        bool kept = i < FD_PASS_MAX;

        if (kept)
            cr_expect_eq(fds[i], sent[i]);
        cr_expect_eq(fcntl(sent[i], F_GETFD) >= 0, kept, "%zu", i);
    }
    cr_expect_geq(fcntl(other, F_GETFD), 0, "which is no descriptor's");
    close(sent[0]);
    close(sent[1]);
    close(other);
}

Test(fd_pass, finds_none_where_there_is_no_control_part)
{
    struct msghdr message = { .msg_control = NULL };
    int fds[FD_PASS_MAX] = { 1000, 1000 };

    cr_expect_eq(fd_pass_unpack(&message, fds, FD_PASS_MAX), 0);
    cr_expect_eq(fds[0], -1);
    cr_expect_eq(fds[1], -1);
}
