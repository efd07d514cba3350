#include "base/log.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "scratch.h"

#define TIME_LENGTH 25          /* with the space */

static void
tear_down(void)
{
    log_close();
    scratch_remove();
}

TestSuite(log, .fini = tear_down, .timeout = 30);

static void
open_file(const char *path, enum log_format format, enum log_level level)
{
    struct error error = { 0 };

    cr_assert(log_open(LOG_FILE, path, format, level, &error), "%s",
        error_any(&error) ? error.messages[0] : "");
    cr_assert_not(error_any(&error));
}

/* What stands in the file, without the times. */
static char *
lines_of(const char *path)
{
    char *text = scratch_read(path), *to = text, *line, *rest;

    cr_assert_not_null(text);
    for (line = text; *line != '\0'; line = rest) {
        size_t length = strcspn(line, "\n");
        size_t skip = length > TIME_LENGTH && line[TIME_LENGTH - 2] == 'Z' ?
            TIME_LENGTH : 0;

        rest = line + length + (line[length] == '\n');
        memmove(to, line + skip, (size_t)(rest - line) - skip);
        to += (size_t)(rest - line) - skip;
    }
    *to = '\0';
    return text;
}

static void
expect_lines(const char *path, const char *want)
{
    char *text = lines_of(path);

    cr_expect_str_eq(text, want, "%s", text);
    free(text);
}

Test(log, writes_lines_to_a_file)
{
    const char *path = scratch_path("log");
    const struct log_field fields[] = {
        LOG_STRING("service", "web"), LOG_NUMBER("up", 5),
    };

    open_file(path, LOG_TEXT, LOG_LEVEL_INFO);
    log_info("web", "listening on %s", "127.0.0.1:80");
    log_warn(NULL, "careful");
    log_error(NULL, "%d%%", 100);
    log_debug(NULL, "unseen");
    log_event(LOG_LEVEL_INFO, "end", fields, COUNT(fields));
    log_event(LOG_LEVEL_DEBUG, "state", fields, COUNT(fields));
    expect_lines(path,
        "info web: listening on 127.0.0.1:80\n"
        "warn careful\n"
        "error 100%\n"
        "info end service=web up=5\n");
}

/* Debian's administrators read logs as members of adm. */
Test(log, makes_a_file_that_adm_can_read)
{
    const char *path = scratch_path("log"), *old = scratch_path("old");
    const struct group *readers = getgrnam("adm");
    int made = open(old, O_CREAT | O_WRONLY, 0600);
    gid_t group = readers != NULL && geteuid() == 0 ? readers->gr_gid
                                                    : getegid();
    struct stat status;

    umask(0077);
    open_file(path, LOG_TEXT, LOG_LEVEL_INFO);
    cr_assert_eq(stat(path, &status), 0);
    cr_expect_eq(status.st_mode & 07777, 0640);
    cr_expect_eq(status.st_gid, group);

    /* What is there already is as its owner wants it. */
    cr_assert_geq(made, 0);
    close(made);
    cr_assert_eq(stat(old, &status), 0);
    group = status.st_gid;
    open_file(old, LOG_TEXT, LOG_LEVEL_INFO);
    cr_assert_eq(stat(old, &status), 0);
    cr_expect_eq(status.st_mode & 07777, 0600);
    cr_expect_eq(status.st_gid, group);
}

/* A link to where there is no file yet names it all the same. */
Test(log, makes_the_file_of_a_link)
{
    const char *path = scratch_path("log"), *link = scratch_path("link");
    struct stat status;

    cr_assert_eq(symlink(path, link), 0);
    open_file(link, LOG_TEXT, LOG_LEVEL_INFO);
    cr_assert_eq(stat(path, &status), 0);
    cr_expect_eq(status.st_mode & 0137, 0);
}

Test(log, obeys_the_level)
{
    static const struct { enum log_level level; const char *want; } cases[] = {
        { LOG_LEVEL_ERROR, "error e\n" },
        { LOG_LEVEL_WARN, "error e\nwarn w\n" },
        { LOG_LEVEL_INFO, "error e\nwarn w\ninfo i\n" },
        { LOG_LEVEL_DEBUG, "error e\nwarn w\ninfo i\ndebug d\n" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *path = scratch_path(log_level_name(cases[i].level));

        open_file(path, LOG_TEXT, cases[i].level);
        log_error(NULL, "e");
        log_warn(NULL, "w");
        log_info(NULL, "i");
        log_debug(NULL, "d");
        expect_lines(path, cases[i].want);
        for (size_t j = 0; j < COUNT(cases); j++)
            cr_expect_eq(log_wants(cases[j].level), j <= i);
    }
}

struct heard {
    bool writes; /* what it returns */
    char line[LOG_WARNING_SIZE];
    const char *kind;
    struct log_cause cause;
};

/* log_hear_fn */
static bool
hear(void *arg, const struct log_warning *warning)
{
    struct heard *heard = arg;

    log_warning_line(warning, heard->line);
    heard->kind = warning->kind;
    heard->cause = warning->cause;
    return heard->writes;
}

Test(log, lets_warnings_be_heard)
{
    static const struct log_cause cause = { "x.ini", { 1, 7 } };
    const char *path = scratch_path("log");
    struct heard heard = { .writes = true };

    open_file(path, LOG_TEXT, LOG_LEVEL_ERROR);
    log_tap_warnings(hear, &heard);
    log_warn("web", "a %s", "warning");
    cr_expect_str_eq(heard.line, "web: a warning");
    cr_expect_str_eq(heard.kind, "a %s");
    cr_expect_null(heard.cause.file);
    log_info(NULL, "no warning");
    cr_expect_str_eq(heard.line, "web: a warning");
    log_warn_at(&cause, NULL, "kind", "another");
    cr_expect_str_eq(heard.line, "another");
    cr_expect_str_eq(heard.kind, "kind");
    cr_expect_eq(heard.cause.place.line, 7);
    expect_lines(path, "");

    open_file(path, LOG_TEXT, LOG_LEVEL_WARN);
    log_warn("web", "written");
    heard.writes = false;
    log_warn("web", "kept");
    log_hush(true);
    log_warn("web", "hushed");
    log_hush(false);
    cr_expect_str_eq(heard.line, "web: kept");
    log_tap_warnings(NULL, NULL);
    log_warn("web", "untapped");
    expect_lines(path, "warn web: written\nwarn web: untapped\n");
}

Test(log, leaves_errno_alone)
{
    open_file("/dev/full", LOG_TEXT, LOG_LEVEL_INFO);
    errno = EXDEV;
    log_info(NULL, "lost");
    cr_expect_eq(errno, EXDEV);
    log_event(LOG_LEVEL_INFO, "lost", NULL, 0);
    cr_expect_eq(errno, EXDEV);
}

Test(log, marks_the_cut_in_a_message_of_any_length)
{
    const char *path = scratch_path("log");
    char *text = malloc(70000), *line;

    open_file(path, LOG_TEXT, LOG_LEVEL_INFO);
    for (size_t length = 4030; length < 4110; length++)
        log_info(NULL, "%.*s", (int)length, (char *)memset(text, 'x', length));
    memset(text, 'x', 65536);
    text[65536] = '\0';
    log_info(NULL, "%s", text);
    free(text);
    text = scratch_read(path);
    line = strtok(text, "\n");
    for (size_t i = 0; i < 81; i++, line = strtok(NULL, "\n")) {
        size_t said = i == 80 ? 65536 : 4030 + i;

        cr_assert_not_null(line);
        cr_expect_lt(strlen(line), 4096);
        if (strspn(line + TIME_LENGTH + 5, "x") < said)
            cr_expect_str_eq(line + strlen(line) - 4, "x...");
    }
    cr_expect_null(line);
    free(text);
}

Test(log, keeps_the_old_target_if_the_new_cannot_be_opened)
{
    const char *path = scratch_path("log");
    const char *fifo = scratch_path("fifo");
    const char *bad[] = { "/nonexistent/log", "/", fifo };
    struct error error = { 0 };

    cr_assert_eq(mkfifo(fifo, 0600), 0);
    open_file(path, LOG_TEXT, LOG_LEVEL_INFO);
    for (size_t i = 0; i < COUNT(bad); i++) {
        cr_expect_not(log_open(LOG_FILE, bad[i], LOG_JSON, LOG_LEVEL_ERROR,
            &error));
        cr_assert_eq(error.count, i + 1);
        cr_expect_not_null(strstr(error.messages[i], bad[i]));
    }
    error_clear(&error);
    log_info(NULL, "still here");
    expect_lines(path, "info still here\n");
}

Test(log, reopens_a_rotated_file)
{
    const char *path = scratch_path("log"), *old = scratch_path("log.1");

    open_file(path, LOG_TEXT, LOG_LEVEL_INFO);
    log_info(NULL, "one");
    cr_assert_eq(rename(path, old), 0);
    log_info(NULL, "two");
    log_reopen();
    log_info(NULL, "three");
    expect_lines(old, "info one\ninfo two\n");
    expect_lines(path, "info three\n");
}

Test(log, keeps_the_old_file_if_reopening_fails)
{
    const char *path = scratch_path("log"), *old = scratch_path("log.1");
    char *text;

    open_file(path, LOG_TEXT, LOG_LEVEL_INFO);
    cr_assert_eq(rename(path, old), 0);
    cr_assert_eq(mkdir(path, 0700), 0);
    log_reopen();
    log_info(NULL, "goes on");
    cr_assert_eq(rmdir(path), 0);
    text = lines_of(old);
    cr_expect_eq(strncmp(text, "error cannot open log file /", 28), 0);
    cr_expect_not_null(strstr(text, "stays in use\ninfo goes on\n"));
    free(text);
    log_reopen();
    log_info(NULL, "anew");
    expect_lines(path, "info anew\n");
}

Test(log, appends_to_what_is_there)
{
    const char *path = scratch_path("log");

    for (int i = 0; i < 2; i++) {
        open_file(path, LOG_TEXT, LOG_LEVEL_INFO);
        log_info(NULL, "%d", i);
        log_close();
    }
    expect_lines(path, "info 0\ninfo 1\n");
}

/* Promise 23 */
Test(log, counts_what_a_full_disk_lost)
{
    const char *path = scratch_path("log");

    open_file("/dev/full", LOG_TEXT, LOG_LEVEL_INFO);
    for (int i = 0; i < 7; i++)
        log_info(NULL, "lost");
    open_file(path, LOG_TEXT, LOG_LEVEL_ERROR);
    log_info(NULL, "below the level");
    log_error(NULL, "seen");
    log_error(NULL, "seen");
    expect_lines(path, "warn 7 log lines were lost\nerror seen\nerror seen\n");
}

static void
limit_file_size(rlim_t size)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

Test(log, starts_anew_after_a_line_written_in_part)
{
    const char *path = scratch_path("log");

    open_file(path, LOG_TEXT, LOG_LEVEL_INFO);
    log_info(NULL, "whole");
    limit_file_size(TIME_LENGTH + 11 + TIME_LENGTH + 6);
    log_info(NULL, "torn apart");
    log_info(NULL, "lost");
    limit_file_size(RLIM_INFINITY);
    log_info(NULL, "whole again");
    expect_lines(path, "info whole\ninfo t\n"
        "warn 2 log lines were lost\ninfo whole again\n");
}

Test(log, writes_json)
{
    const char *path = scratch_path("log");
    char *text;

    open_file(path, LOG_JSON, LOG_LEVEL_INFO);
    log_info("web", "listening on %s", "\"x\"");
    text = scratch_read(path);
    cr_expect_eq(strncmp(text, "{\"time\":\"2", 10), 0);
    cr_expect_not_null(strstr(text, "Z\",\"level\":\"info\","
        "\"service\":\"web\",\"message\":\"listening on \\\"x\\\"\"}\n"));
    free(text);
}
