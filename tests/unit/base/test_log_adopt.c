/* A log whose target somebody else has opened, or tried before it is used. */
#include <sys/socket.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "base/log.h"
#include "scratch.h"

static int real_stderr;
static unsigned told;

static void
set_up(void)
{
    real_stderr = dup(STDERR_FILENO);
    told = 0;
    unsetenv("JOURNAL_STREAM");
}

static void
tear_down(void)
{
    log_close();
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    scratch_remove();
}

TestSuite(log_adopt, .init = set_up, .fini = tear_down, .timeout = 30);

static void
open_target(enum log_target target, const char *path)
{
    struct error error = { 0 };

    cr_assert(log_open(target, path, LOG_TEXT, LOG_LEVEL_INFO, &error), "%s",
        error_any(&error) ? error.messages[0] : "");
}

/* As another process would: the descriptor outlives the log that opened it. */
static void
pass_on(enum log_target target)
{
    int fd = fcntl(log_descriptor(), F_DUPFD_CLOEXEC, 10);

    cr_assert_geq(fd, 0);
    log_close();
    cr_assert(log_adopt(target, LOG_TEXT, LOG_LEVEL_DEBUG, fd));
    cr_expect_eq(log_descriptor(), fd);
    cr_expect(log_wants(LOG_LEVEL_DEBUG));
    cr_expect_not(log_reopen(), "no path is known");
    cr_expect_eq(log_descriptor(), fd);
}

static void
expect_in(const char *text, const char *want)
{
    cr_expect_not_null(strstr(text, want), "%s", text);
}

Test(log_adopt, writes_to_a_file)
{
    const char *path = scratch_path("log");
    char *text;

    open_target(LOG_FILE, path);
    log_info(NULL, "opened");
    pass_on(LOG_FILE);
    log_debug(NULL, "adopted");
    text = scratch_read(path);
    expect_in(text, "Z info opened\n");
    expect_in(text, "Z debug adopted\n");
    free(text);
}

Test(log_adopt, never_waits_for_stderr)
{
    static char text[1 << 20];
    int fds[2];

    cr_assert_eq(pipe(fds), 0);
    dup2(fds[1], STDERR_FILENO);
    close(fds[1]);
    open_target(LOG_STDERR, NULL);
    cr_expect_neq(log_descriptor(), STDERR_FILENO);
    pass_on(LOG_STDERR);
    for (int i = 0; i < 1000; i++)
        log_info(NULL, "%0300d", i);
    scratch_drain(fds[0], text, sizeof(text));
    log_info(NULL, "seen");
    scratch_drain(fds[0], text, sizeof(text));
    expect_in(text, "log lines were lost\n");
    close(fds[0]);
}

/* A descriptor that others share too, and that may wait. */
Test(log_adopt, asks_before_it_writes_to_a_pipe)
{
    int fds[2];

    cr_assert_eq(pipe(fds), 0);
    cr_assert(log_adopt(LOG_STDERR, LOG_TEXT, LOG_LEVEL_INFO, fds[1]));
    for (int i = 0; i < 1000; i++)
        log_info(NULL, "%0300d", i);
    close(fds[0]);
}

Test(log_adopt, sends_datagrams)
{
    static const struct { enum log_target target; const char *want; } cases[] = {
        { LOG_SYSLOG, "]: info web: adopted" },
        { LOG_JOURNAL, "MESSAGE=info web: adopted\nSALLYPORT_SERVICE=web\n" },
    };
    char text[1000];

    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *path = scratch_path(i == 0 ? "syslog" : "journal");
        int daemon = scratch_listen(path);

        open_target(cases[i].target, path);
        pass_on(cases[i].target);
        log_info("web", "adopted");
        expect_in(scratch_drain(daemon, text, sizeof(text)), cases[i].want);
        close(daemon);
        log_close();
    }
}

Test(log_adopt, takes_what_it_refuses)
{
    const char *path = scratch_path("log");
    char *text;
    int fds[2];

    open_target(LOG_FILE, path);
    for (int i = 0; i < 5; i++) {
        static const enum log_target targets[] = {
            LOG_FILE,    /* a reading end */
            LOG_STDERR,  /* the same */
            LOG_FILE,    /* may wait */
            LOG_SYSLOG,  /* no socket */
            LOG_JOURNAL, /* closed already */
        };
        int which = i < 2 ? 0 : 1;

        cr_assert_eq(pipe(fds), 0);
        if (i == 4)
            close(fds[1]);
        cr_expect_not(
            log_adopt(targets[i], LOG_JSON, LOG_LEVEL_ERROR, fds[which]));
        cr_expect_eq(fcntl(fds[which], F_GETFD), -1);
        close(fds[1 - which]);
    }
    log_info(NULL, "still here");
    text = scratch_read(path);
    expect_in(text, "Z info still here\n");
    free(text);
}

static void
tell(void *arg)
{
    cr_assert_eq(arg, &told);
    told++;
    log_info(NULL, "this line is lost as well");
}

Test(log_adopt, tells_that_nobody_reads_any_more)
{
    const char *path = scratch_path("log");
    int daemon = scratch_listen(path);
    char text[1000];

    open_target(LOG_SYSLOG, path);
    close(daemon);
    log_info(NULL, "lost");
    unlink(path);
    daemon = scratch_listen(path);
    log_info(NULL, "back");
    pass_on(LOG_SYSLOG);
    log_on_lost(tell, &told);
    log_info(NULL, "one");
    cr_expect_eq(told, 0);
    close(daemon);
    for (int i = 0; i < 100; i++)
        log_info(NULL, "lost");
    cr_expect_eq(told, 1, "at most once a second");
    usleep(1100000);
    log_info(NULL, "lost");
    cr_expect_eq(told, 2);

    unlink(path);
    daemon = scratch_listen(path);
    open_target(LOG_SYSLOG, path);
    log_info(NULL, "anew");
    scratch_drain(daemon, text, sizeof(text));
    expect_in(text, "103 log lines were lost");
    close(daemon);
}

Test(log_adopt, does_not_tell_of_a_full_socket)
{
    const char *path = scratch_path("log");
    int daemon = scratch_listen(path);

    open_target(LOG_SYSLOG, path);
    pass_on(LOG_SYSLOG);
    log_on_lost(tell, &told);
    for (int i = 0; i < 20000; i++)
        log_info(NULL, "%0200d", i);
    cr_expect_eq(told, 0);
    close(daemon);
}

Test(log_adopt, connects_a_socket_anew)
{
    const char *path = scratch_path("log");
    int daemon = scratch_listen(path);
    char text[1000];

    open_target(LOG_SYSLOG, path);
    close(daemon);
    unlink(path);
    cr_expect_not(log_reopen(), "nobody listens yet");
    daemon = scratch_listen(path);
    cr_expect(log_reopen());
    pass_on(LOG_SYSLOG);
    log_info(NULL, "adopted");
    expect_in(scratch_drain(daemon, text, sizeof(text)), "]: info adopted");
    close(daemon);
}

Test(log_adopt, tries_a_target_before_it_is_used)
{
    const char *old = scratch_path("old"), *new = scratch_path("new");
    struct error error = { 0 };
    struct log_prepared *prepared;
    char *text;

    open_target(LOG_FILE, old);
    cr_expect_null(log_prepare(
        LOG_FILE, "/nonexistent/log", LOG_TEXT, LOG_LEVEL_INFO, &error));
    cr_expect_eq(error.count, 1);
    error_clear(&error);

    for (int i = 0; i < 2; i++) {
        prepared =
            log_prepare(LOG_FILE, new, LOG_JSON, LOG_LEVEL_DEBUG, &error);
        cr_assert_not_null(prepared);
        log_info(NULL, "still old");
        cr_expect_not(log_wants(LOG_LEVEL_DEBUG));
        if (i == 0)
            log_discard(prepared);
    }
    log_commit(prepared);
    log_debug(NULL, "new");
    log_discard(NULL);
    cr_expect_not(error_any(&error));
    text = scratch_read(new);
    expect_in(text, "\"message\":\"new\"}\n");
    cr_expect_null(strstr(text, "old"));
    free(text);
    text = scratch_read(old);
    cr_expect_null(strstr(text, "new"));
    free(text);
}
