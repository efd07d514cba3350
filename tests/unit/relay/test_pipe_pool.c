#include "relay/pipe_pool.h"

#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <criterion/criterion.h>

static struct pipe_pool pool;

static void
tear_down(void)
{
    pipe_pool_clear(&pool);
}

TestSuite(pipe_pool, .fini = tear_down, .timeout = 20);

static int
count_descriptors(void)
{
    int count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

Test(pipe_pool, gives_large_pipes_that_do_not_block)
{
    struct pipe *pipe = pipe_take(&pool);

    cr_assert_not_null(pipe);
    cr_expect_eq(pipe->length, 0);
    cr_expect_geq(pipe->size, 64 << 10);
    cr_expect_eq((size_t)fcntl(pipe->write_fd, F_GETPIPE_SZ), pipe->size);
    cr_expect(fcntl(pipe->read_fd, F_GETFL) & O_NONBLOCK);
    cr_expect(fcntl(pipe->write_fd, F_GETFL) & O_NONBLOCK);
    cr_expect(fcntl(pipe->read_fd, F_GETFD) & FD_CLOEXEC);
    pipe_give(&pool, pipe);
}

Test(pipe_pool, gives_the_same_pipe_again)
{
    struct pipe *pipe = pipe_take(&pool);

    pipe_give(&pool, pipe);
    pipe_give(&pool, NULL);
    cr_expect_eq(pool.open, 1);
    cr_expect_eq(pipe_take(&pool), pipe);
    cr_expect_eq(pool.open, 1);
    pipe_give(&pool, pipe);
}

Test(pipe_pool, has_a_bound)
{
    struct pipe *pipes[PIPE_POOL_MAX];
    int before = count_descriptors();

    for (size_t i = 0; i < PIPE_POOL_MAX; i++)
        cr_assert_not_null(pipes[i] = pipe_take(&pool));
    cr_expect_null(pipe_take(&pool));
    cr_expect_eq(pool.open, PIPE_POOL_MAX);
    pipe_give(&pool, pipes[3]);
    cr_expect_eq(pipe_take(&pool), pipes[3]);
    for (size_t i = 0; i < PIPE_POOL_MAX; i++)
        pipe_give(&pool, pipes[i]);
    cr_expect_eq(pool.open, PIPE_POOL_MAX);
    pipe_pool_clear(&pool);
    cr_expect_eq(pool.open, 0);
    cr_expect_eq(count_descriptors(), before);
}

/* The next flow must not get the last one's bytes. */
Test(pipe_pool, closes_a_pipe_that_is_not_empty)
{
    struct pipe *pipe = pipe_take(&pool);
    int before = count_descriptors();

    cr_assert_eq(write(pipe->write_fd, "secret", 6), 6);
    pipe->length = 6;
    pipe_give(&pool, pipe);
    cr_expect_eq(pool.open, 0);
    cr_expect(SLIST_EMPTY(&pool.idle));
    cr_expect_eq(count_descriptors(), before - 2);
}

Test(pipe_pool, does_without_when_descriptors_are_short)
{
    int last = dup(0);
    struct rlimit before, few;

    getrlimit(RLIMIT_NOFILE, &before);
    few = before;
    few.rlim_cur = (rlim_t)last + 2; /* one, but a pipe takes two */
    setrlimit(RLIMIT_NOFILE, &few);
    close(last);
    last = dup(0);
    cr_expect_null(pipe_take(&pool));
    cr_expect_eq(pool.open, 0);
    setrlimit(RLIMIT_NOFILE, &before);
    close(last);
}

/* Past the user's limit (pipe(7)) the kernel gives pipes of a page or two,
 * which are worth nothing here. */
Test(pipe_pool, does_without_when_pipe_memory_is_short)
{
    enum { NOBODY = 65534, MOST = 400 };
    struct rlimit many = { .rlim_cur = 1024, .rlim_max = 1024 };
    int fds[2], pipes = 0;

    if (getuid() == 0)
        cr_assert_eq(setresuid(NOBODY, NOBODY, NOBODY), 0);
    setrlimit(RLIMIT_NOFILE, &many);
    while (pipes < MOST && pipe(fds) == 0) {
        pipes++;
        if (fcntl(fds[0], F_SETPIPE_SZ, PIPE_BYTES) < 0 &&
            fcntl(fds[0], F_GETPIPE_SZ) < 64 << 10)
            break;
    }
    if (pipes == MOST)
        cr_skip_test("this machine sets no limit to pipes");
    cr_expect_null(pipe_take(&pool));
    cr_expect_eq(pool.open, 0);
}
