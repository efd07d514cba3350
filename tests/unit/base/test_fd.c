#include "base/fd.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <criterion/criterion.h>

Test(fd, sets_flags_and_keeps_others)
{
    int fds[2];

    cr_assert_eq(pipe(fds), 0);
    cr_assert_eq(fcntl(fds[1], F_SETFL, O_APPEND), 0);
    cr_expect(fd_set_nonblocking(fds[1]));
    cr_expect_eq(fcntl(fds[1], F_GETFL) & (O_NONBLOCK | O_APPEND),
        O_NONBLOCK | O_APPEND);
    cr_expect(fd_set_cloexec(fds[1]));
    cr_expect_eq(fcntl(fds[1], F_GETFD), FD_CLOEXEC);
    close(fds[0]);
    close(fds[1]);
    cr_expect_not(fd_set_nonblocking(fds[1]));
    cr_expect_eq(errno, EBADF);
    cr_expect_not(fd_set_cloexec(fds[1]));
}

static struct rlimit
limit_now(void)
{
    struct rlimit limit;

    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    return limit;
}

Test(fd, raises_the_soft_limit)
{
    struct rlimit limit = limit_now();
    uint64_t have = 0;

    limit.rlim_cur = 100;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_expect(fd_limit_raise(50, &have));
    cr_expect_eq(have, 100, "never lowered");
    cr_expect(fd_limit_raise(200, &have));
    cr_expect_eq(have, 200);
    cr_expect_eq(limit_now().rlim_cur, 200);
    cr_expect_eq(limit_now().rlim_max, limit.rlim_max);
}

static bool
may_raise(void)
{
    return prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE) == 1;
}

Test(fd, raises_the_hard_limit_only_with_privilege)
{
    struct rlimit limit = { .rlim_cur = 100, .rlim_max = 200 };
    uint64_t have = 0;

    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (geteuid() == 0) {
        /* A container's root may lack CAP_SYS_RESOURCE. */
        cr_expect_eq(fd_limit_raise(210, &have), may_raise());
        cr_expect_eq(have, limit_now().rlim_max);
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        cr_assert_eq(seteuid(65534), 0);
    }
    cr_expect_not(fd_limit_raise(220, &have));
    cr_expect_eq(have, 200);
    cr_expect_eq(limit_now().rlim_cur, 100, "nothing was changed");
    cr_expect_eq(limit_now().rlim_max, 200);
    if (getuid() == 0) {
        cr_assert_eq(seteuid(0), 0);
        prctl(PR_SET_DUMPABLE, 1);  /* for the leak checker */
    }
}

Test(fd, says_what_is_possible)
{
    uint64_t have = 0;

    cr_expect_not(fd_limit_raise(UINT64_MAX - 1, &have));
    cr_expect_eq(have, limit_now().rlim_max);
}
