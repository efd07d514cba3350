#include "base/log_sink.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "log_fixture.h"
#include "scratch.h"

TestSuite(log_sink, .init = log_fixture_set_up,
    .fini = log_fixture_tear_down, .timeout = 30);

static void
make_stderr(int fd)
{
    cr_assert_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
    close(fd);
}

/* The reading end of the pipe that standard error now is. */
static int
pipe_stderr(void)
{
    int fds[2];

    cr_assert_eq(pipe(fds), 0);
    make_stderr(fds[1]);
    return fds[0];
}

static bool
is_nonblocking(int fd)
{
    return (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;
}

static void
expect_end(const char *text, const char *want)
{
    size_t length = strlen(text), wanted = strlen(want);

    cr_expect(length >= wanted &&
        strcmp(text + length - wanted, want) == 0, "%s", text);
}

Test(log_sink, writes_to_stderr_before_any_is_opened)
{
    int reader = pipe_stderr();
    char text[1000];

    log_info("web", "early");
    log_debug(NULL, "unseen");
    expect_end(scratch_drain(reader, text, sizeof(text)),
        "Z info web: early\n");
    close(reader);
}

/* Writes until the pipe is full, reads it empty, and looks for the gap. */
static void
expect_lines_lost(int reader)
{
    static char text[2 << 20];
    unsigned written = 0, lost;
    const char *report;

    for (int i = 0; i < 4000; i++)
        log_info(NULL, "%0300d", i);
    scratch_drain(reader, text, sizeof(text));
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        written++;
    cr_expect(written > 100 && written < 4000, "%u", written);
    cr_expect_eq(text[strlen(text) - 1], '\n', "no line in part");

    log_info(NULL, "seen");
    scratch_drain(reader, text, sizeof(text));
    report = strstr(text, "warn ");
    cr_assert_not_null(report, "%s", text);
    cr_expect_eq(sscanf(report, "warn %u log lines were lost\n", &lost), 1);
    cr_expect_eq(written + lost, 4000);
    expect_end(text, "Z info seen\n");
}

Test(log_sink, never_waits_for_a_full_pipe)
{
    int reader = pipe_stderr();

    log_fixture_open(LOG_STDERR, NULL);
    expect_lines_lost(reader);
    cr_expect_not(is_nonblocking(STDERR_FILENO), "it is not ours alone");
    close(reader);
}

Test(log_sink, never_waits_for_a_pipe_that_cannot_be_opened_again)
{
    int reader = pipe_stderr();
    struct rlimit limit, none;

    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    log_fixture_open(LOG_STDERR, NULL);
    /* poll(2) counts against the limit too. */
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    expect_lines_lost(reader);
    cr_expect_not(is_nonblocking(STDERR_FILENO));
    close(reader);
}

static void
fill_socket(int type)
{
    int fds[2], size = 4096;

    cr_assert_eq(socketpair(AF_UNIX, type, 0, fds), 0);
    setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    make_stderr(fds[1]);
    log_fixture_open(LOG_STDERR, NULL);
    for (int i = 0; i < 4000; i++)
        log_info(NULL, "%0300d", i);
    cr_expect_not(is_nonblocking(STDERR_FILENO));
    close(fds[0]);
    log_info(NULL, "a closed socket kills no process");
}

Test(log_sink, never_waits_for_a_full_socket)
{
    fill_socket(SOCK_STREAM);
    fill_socket(SOCK_SEQPACKET);
}

Test(log_sink, never_waits_for_a_stopped_terminal)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY), slave;

    cr_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    cr_assert_geq(slave, 0);
    make_stderr(slave);
    log_fixture_open(LOG_STDERR, NULL);
    for (int i = 0; i < 4000; i++)
        log_info(NULL, "%0300d", i);
    cr_expect_not(is_nonblocking(STDERR_FILENO));
    close(master);
}

Test(log_sink, survives_a_pipe_without_a_reader)
{
    int reader = pipe_stderr();

    signal(SIGPIPE, SIG_IGN);
    log_fixture_open(LOG_STDERR, NULL);
    close(reader);
    log_info(NULL, "lost");
    log_fixture_open(LOG_STDERR, NULL);
    log_info(NULL, "lost");
}

Test(log_sink, explains_a_closed_stderr)
{
    struct error error = { 0 };

    close(STDERR_FILENO);
    log_info(NULL, "lost");
    cr_expect_not(log_open(LOG_STDERR, NULL, LOG_TEXT, LOG_LEVEL_INFO,
        &error));
    cr_assert_eq(error.count, 1);
    cr_expect_not_null(strstr(error.messages[0], "standard error"));
    error_clear(&error);
}

/* Logs one line of each level to a file; JOURNAL_STREAM names it if there is
 * nothing `before` and `after`. */
static char *
logged_under(const char *before, const char *after, enum log_format format)
{
    const char *path = scratch_path("stderr");
    struct error error = { 0 };
    struct stat status;
    char named[100];
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);

    cr_assert_eq(fstat(fd, &status), 0);
    snprintf(named, sizeof(named), "%s%ju:%ju%s", before,
        (uintmax_t)status.st_dev, (uintmax_t)status.st_ino, after);
    setenv("JOURNAL_STREAM", named, 1);
    make_stderr(fd);
    cr_assert(log_open(LOG_STDERR, NULL, format, LOG_LEVEL_DEBUG, &error));
    log_error(NULL, "e");
    log_warn(NULL, "w");
    log_info("web", "i");
    log_debug(NULL, "d");
    return scratch_read(path);
}

Test(log_sink, gives_priorities_to_systemd)
{
    char *text = logged_under("", "", LOG_TEXT);

    cr_expect_str_eq(text,
        "<3>error e\n<4>warn w\n<6>info web: i\n<7>debug d\n");
    free(text);
    text = logged_under("", "", LOG_JSON);
    cr_expect_not_null(strstr(text, "<6>{\"level\":\"info\","
        "\"service\":\"web\",\"message\":\"i\"}\n"), "%s", text);
    free(text);
}

Test(log_sink, gives_times_to_every_other_reader)
{
    static const struct { const char *before, *after; } others[] = {
        { "1", "" }, { "", "1" }, { "", " " }, { " ", "" }, { ":", ":" },
    };

    for (size_t i = 0; i < COUNT(others); i++) {
        char *text = logged_under(others[i].before, others[i].after,
            LOG_TEXT);

        cr_expect_eq(text[0], '2', "%zu: %s", i, text);
        free(text);
    }
}

Test(log_sink, sends_datagrams_to_syslog)
{
    const char *path = scratch_path("log");
    int daemon = scratch_listen(path);
    char text[1000], want[1000];

    log_fixture_open(LOG_SYSLOG, path);
    log_info("web", "a\nb");
    scratch_drain(daemon, text, sizeof(text));
    snprintf(want, sizeof(want), "<30>sallyport[%ld]: info web: a\\x0ab",
        (long)getpid());
    cr_expect_str_eq(text, want);
    log_error(NULL, "e");
    scratch_drain(daemon, text, sizeof(text));
    cr_expect_eq(strncmp(text, "<27>sallyport[", 14), 0);
    close(daemon);
}

Test(log_sink, finds_a_restarted_syslogd)
{
    const char *path = scratch_path("log");
    int daemon = scratch_listen(path);
    char text[1000];

    log_fixture_open(LOG_SYSLOG, path);
    log_info(NULL, "one");
    close(daemon);
    log_info(NULL, "lost");
    unlink(path);
    log_info(NULL, "lost");
    daemon = scratch_listen(path);
    log_info(NULL, "two");
    scratch_drain(daemon, text, sizeof(text));
    cr_expect_not_null(strstr(text, "]: warn 2 log lines were lost"));
    expect_end(text, "]: info two");
    close(daemon);
}

Test(log_sink, never_waits_for_a_stuck_syslogd)
{
    const char *path = scratch_path("log");
    int daemon = scratch_listen(path);
    static char text[4 << 20];

    log_fixture_open(LOG_SYSLOG, path);
    for (int i = 0; i < 20000; i++)
        log_info(NULL, "%0200d", i);
    scratch_drain(daemon, text, sizeof(text));
    log_info(NULL, "seen");
    scratch_drain(daemon, text, sizeof(text));
    cr_expect_not_null(strstr(text, " log lines were lost"), "%s", text);
    expect_end(text, "]: info seen");
    close(daemon);
}

Test(log_sink, explains_a_missing_socket)
{
    char path[300];
    const char *bad[] = { scratch_path("none"), path };
    struct error error = { 0 };

    memset(path, 'a', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    for (size_t i = 0; i < COUNT(bad); i++) {
        cr_expect_not(log_open(LOG_SYSLOG, bad[i], LOG_TEXT, LOG_LEVEL_INFO,
            &error));
        cr_expect_not(log_open(LOG_JOURNAL, bad[i], LOG_TEXT, LOG_LEVEL_INFO,
            &error));
    }
    cr_assert_eq(error.count, 4);
    cr_expect_not_null(strstr(error.messages[0], bad[0]));
    error_clear(&error);
}

Test(log_sink, speaks_the_journals_protocol)
{
    const char *path = scratch_path("journal");
    const struct log_field fields[] = {
        LOG_STRING("service", "web"),
        LOG_STRING("sni", "x\nPRIORITY=0"),
        LOG_NUMBER("up", 5),
    };
    int daemon = scratch_listen(path);
    char text[9000];

    log_fixture_open(LOG_JOURNAL, path);
    log_event(LOG_LEVEL_INFO, "end", fields, COUNT(fields));
    cr_expect_str_eq(scratch_drain(daemon, text, sizeof(text)),
        "PRIORITY=6\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=sallyport\n"
        "MESSAGE=info end service=web sni=\"x\\x0aPRIORITY=0\" up=5\n"
        "SALLYPORT_EVENT=end\nSALLYPORT_SERVICE=web\n"
        "SALLYPORT_SNI=x\\x0aPRIORITY=0\nSALLYPORT_UP=5\n");
    log_warn("web", "m");
    cr_expect_str_eq(scratch_drain(daemon, text, sizeof(text)),
        "PRIORITY=4\nSYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=sallyport\n"
        "MESSAGE=warn web: m\n"
        "SALLYPORT_SERVICE=web\n");
    close(daemon);
}
