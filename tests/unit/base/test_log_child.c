/* Lines of a child process, which its parent writes; and a target that is tried
 * before it is used. */
#include <sys/socket.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/base.h"
#include "base/error.h"
#include "base/log.h"
#include "log_fixture.h"
#include "scratch.h"

TestSuite(log_child, .init = log_fixture_set_up,
    .fini = log_fixture_tear_down, .timeout = 30);

static void
expect_in(const char *text, const char *want)
{
    cr_expect_not_null(strstr(text, want), "%s", text);
}

/* What this process logs is made as in a child, and read back; the log is as it
 * was afterwards.  Returns how many bytes there are. */
static size_t
sent_by_child(void (*say)(void), char *bytes, size_t size)
{
    int fds[2];
    pid_t pid;
    ssize_t got;

    cr_assert_eq(pipe(fds), 0);
    pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        log_become_child(fds[1]);
        say();
        _exit(0);
    }
    close(fds[1]);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
    got = read(fds[0], bytes, size);
    close(fds[0]);
    cr_assert_geq(got, 0);
    return (size_t)got;
}

static void
forward_all(char *bytes, size_t length)
{
    for (char *end; length > 0; bytes = end + 1) {
        end = memchr(bytes, '\n', length);
        cr_assert_not_null(end);
        length -= (size_t)(end + 1 - bytes);
        log_forward(bytes, (size_t)(end - bytes), "worker 7 (pid 42)", 42);
    }
    log_flush();
}

static void
say_all(void)
{
    static const struct log_field fields[] = {
        LOG_STRING("name", "a\nb"), LOG_NUMBER("count", 5),
    };

    log_info("web", "hello");
    log_event(LOG_LEVEL_WARN, "end", fields, COUNT(fields));
    log_debug(NULL, "too low");
    (void)!write(STDERR_FILENO, "", 0);
}

static void
pass_all(void)
{
    char bytes[10000];

    forward_all(bytes, sent_by_child(say_all, bytes, sizeof(bytes)));
}

Test(log_child, reaches_a_file)
{
    const char *path = scratch_path("log");
    char *text;

    log_fixture_open(LOG_FILE, path);
    log_info(NULL, "before");
    pass_all();
    log_info(NULL, "after");
    text = scratch_read(path);
    expect_in(text, "Z info before\n");
    expect_in(text, "Z info web: hello\n");
    expect_in(text, "Z warn end name=\"a\\x0ab\" count=5\n");
    cr_expect_null(strstr(text, "too low"));
    cr_expect_lt(strstr(text, "hello"), strstr(text, "after"));
    free(text);
}

Test(log_child, reaches_datagrams)
{
    static const struct { enum log_target target; const char *wants[3]; }
    cases[] = {
        { LOG_SYSLOG, { "<30>sallyport[42]: info web: hello",
            "<28>sallyport[42]: warn end name=" } },
        { LOG_JOURNAL, { "PRIORITY=6\n", "SYSLOG_PID=42\nMESSAGE=info web: "
            "hello\nSALLYPORT_SERVICE=web\n",
            "SALLYPORT_NAME=a\\x0ab\nSALLYPORT_COUNT=5\n" } },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *path = scratch_path("log");
        int daemon = scratch_listen(path);
        char text[4000];

        log_fixture_open(cases[i].target, path);
        pass_all();
        scratch_drain(daemon, text, sizeof(text));
        for (size_t w = 0; w < COUNT(cases[i].wants); w++)
            if (cases[i].wants[w] != NULL)
                expect_in(text, cases[i].wants[w]);
        log_close();
        close(daemon);
        unlink(path);
    }
}

/* From a child that has been taken over, or whose C library has last words.
 * Promises 29 and 46. */
Test(log_child, cannot_forge_a_line)
{
    static const struct { const char *sent, *want; } cases[] = {
        { "free(): invalid pointer",
            "Z error worker 7 (pid 42): free(): invalid pointer\n" },
        { "\x1b[2J\xff", "Z error worker 7 (pid 42): ?[2J?\n" },
        { "", "" },
        { "\001", "" }, { "\0014level", "" }, { "\001/level", "" },
        { "\0012a\rb\x80", "\na?b?\n" },
        { "half\0012a line", "Z error worker 7 (pid 42): half\na line\n" },
        { "\0012a\001" "1b", "\nb\n" },
        { "\0012text\002SALLYPORT_X=1", "\ntext\n" },
        { "\0013debug", "" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char *path = strdup(scratch_path("log")), bytes[200], *text;
        int length = snprintf(bytes, sizeof(bytes), "%s\n", cases[i].sent);

        log_fixture_open(LOG_FILE, path);
        log_info(NULL, "-");
        forward_all(bytes, (size_t)length);
        text = scratch_read(path);
        expect_in(text, cases[i].want);
        if (*cases[i].want == '\0')
            cr_expect_str_eq(strchr(text, '\n'), "\n", "%zu: %s", i, text);
        free(text);
        log_close();
        unlink(path);
        free(path);
    }
}

/* Promise 46 */
Test(log_child, cannot_add_fields_that_are_not_its_own)
{
    static const char sent[] = "\0012text\002SALLYPORT_A=1\002"
        "SALLYPORT_B\x80=2\002PRIORITY=0\n";
    const char *path = scratch_path("log");
    int daemon = scratch_listen(path);
    char text[1000], bytes[sizeof(sent)];

    memcpy(bytes, sent, sizeof(sent));
    log_fixture_open(LOG_JOURNAL, path);
    forward_all(bytes, sizeof(sent) - 1);
    scratch_drain(daemon, text, sizeof(text));
    expect_in(text, "MESSAGE=text\nSALLYPORT_A=1\n");
    cr_expect_null(strstr(text, "SALLYPORT_B"), "%s", text);
    cr_expect_null(strstr(text, "PRIORITY=0"), "%s", text);
    close(daemon);
}

static void
say_much(void)
{
    for (int i = 0; i < 1000; i++)
        log_info(NULL, "%0900d", i);
}

/* A parent that does not read holds no child up, and both go on afterwards. */
Test(log_child, never_waits)
{
    int fds[2];
    char text[1 << 17];

    cr_assert_eq(pipe2(fds, O_NONBLOCK), 0);
    log_become_child(fds[1]);
    say_much();
    scratch_drain(fds[0], text, sizeof(text));
    log_info(NULL, "seen");
    scratch_drain(fds[0], text, sizeof(text));
    expect_in(text, " lost\n");
    expect_in(text, "info seen\n");
    close(fds[0]);
}

Test(log_child, says_how_lines_are_made)
{
    char text[1000];
    int fds[2];

    cr_assert_eq(pipe2(fds, O_NONBLOCK), 0);
    log_become_child(fds[1]);
    log_adjust(LOG_DRESS_PRIORITY, LOG_JSON, LOG_LEVEL_DEBUG);
    cr_expect(log_wants(LOG_LEVEL_DEBUG));
    log_debug(NULL, "now");
    scratch_drain(fds[0], text, sizeof(text));
    expect_in(text, "\0013{\"level\":\"debug\",\"message\":\"now\"}\n");
    close(fds[0]);
}

Test(log_child, tries_a_target_before_it_is_used)
{
    const char *old = scratch_path("old"), *new = scratch_path("new");
    struct error error = { 0 };
    struct log_prepared *prepared;
    char *text;

    log_fixture_open(LOG_FILE, old);
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
