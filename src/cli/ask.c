#include "cli/ask.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/control.h"
#include "admin/control_path.h"
#include "admin/control_request.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/escape.h"
#include "config/config_peek.h"

/* A little more than the longest answer. */
enum { ANSWER_MAX = CONTROL_ANSWER_MAX + (64 << 10), CHUNK = 16 << 10 };

/* Each upgrade that comes in between sends the question on to the next daemon. */
enum { ASKED_AT_MOST = 8 };

/* NULL: there is none, which has been said. */
static char *
find_socket(const struct ask *ask, struct error *error)
{
    char *control, *path;

    if (ask->socket != NULL)
        return strdup(ask->socket);
    control = config_peek_control(ask->file);
    if (control == NULL)
        return NULL;
    path = control_path(ask->file, control, error);
    if (path == NULL && !error_any(error))
        error_add(error, "%s says control = none: its daemon has no control "
            "socket", ask->file);
    free(control);
    return path;
}

/* The daemon is asked all the same: it may run with a file that has gone since. */
static char *
advise_missing(const char *file)
{
    char *advice;

    return asprintf(&advice, "; there is no file %s: write -c with the one that "
        "the daemon runs with, or -s with its socket", file) < 0 ? NULL : advice;
}

static int
connect_daemon(const struct ask *ask, struct error *error)
{
    char *path = find_socket(ask, error);
    char *advice = NULL;
    int fd = -1;

    if (ask->socket != NULL)
        advice = strdup("");
    else if (access(ask->file, F_OK) != 0 && errno == ENOENT)
        advice = advise_missing(ask->file);
    else if (asprintf(&advice, "; is it running with -c %s?", ask->file) < 0)
        advice = NULL;
    if (path != NULL && advice != NULL)
        fd = control_connect(path, advice, error);
    else if (!error_any(error))
        error_no_memory(error);
    free(advice);
    free(path);
    return fd;
}

/* False: it is no request, which has been said. */
static bool
make_request(const struct ask *ask, enum verb verb,
    char line[CONTROL_LINE_MAX + 1], struct error *error)
{
    struct control_request request = { .verb = verb, .json = ask->json };
    int length = snprintf(request.name, sizeof(request.name), "%s",
        ask->operand != NULL ? ask->operand : "");

    if (length < (int)sizeof(request.name) &&
        control_request_format(&request, line))
        return true;
    error_add(error, "this is not the name of a service");
    return false;
}

static bool
send_request(int fd, const char *line, struct error *error)
{
    ssize_t length = (ssize_t)strlen(line);

    if (send(fd, line, (size_t)length, MSG_NOSIGNAL) == length)
        return true;
    /* A daemon that does not listen to us has said so, and closed. */
    if (errno == EPIPE)
        return true;
    error_add(error, "cannot ask the daemon: %s", strerror(errno));
    return false;
}

static bool
await_answer(int fd, uint64_t until_ms, struct error *error)
{
    struct pollfd look = { .fd = fd, .events = POLLIN };
    uint64_t now_ms = clock_now_ms();
    int found = 0;

    if (now_ms < until_ms)
        found = poll(&look, 1, (int)(until_ms - now_ms));
    if (found > 0)
        return true;
    if (found == 0)
        error_add(error, "the daemon has not answered in time; what was asked "
            "may still be done");
    else
        error_add(error, "cannot wait for the daemon: %s", strerror(errno));
    return false;
}

/* All up to the end of the stream. */
static bool
read_daemon_answer(int fd, struct buffer *answer, uint64_t patience_ms,
    struct error *error)
{
    uint64_t until_ms = clock_now_ms() + patience_ms;
    char chunk[CHUNK];
    ssize_t count;

    while (await_answer(fd, until_ms, error)) {
        count = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT);
        if (count == 0 || (count < 0 && errno == ECONNRESET))
            return true;
        if (count < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (count < 0 || buffer_length(answer) > ANSWER_MAX ||
            !buffer_append(answer, chunk, (size_t)count)) {
            error_add(error, "cannot read the daemon's answer");
            return false;
        }
    }
    return false;
}

/* Line by line: a daemon that was taken over must not reach the terminal. */
static void
print_text(FILE *to, const char *text, size_t length, const char *before)
{
    char *escaped = malloc(4 * length + sizeof("..."));

    while (escaped != NULL && length > 0) {
        const char *end = memchr(text, '\n', length);
        size_t size = end != NULL ? (size_t)(end - text) : length;

        escape_bytes(escaped, 4 * size + sizeof("..."), text, size,
            ESCAPE_MESSAGE);
        fprintf(to, "%s%s\n", before, escaped);
        size += end != NULL;
        text += size;
        length -= size;
    }
    free(escaped);
}

/* Skips the first line if it is `word`. */
static bool
skip_word(struct buffer *answer, const char *word)
{
    size_t length = strlen(word);

    if (buffer_length(answer) < length ||
        memcmp(buffer_head(answer), word, length) != 0)
        return false;
    buffer_consume(answer, length);
    return true;
}

/* An upgrade has come first: the daemon that answers is another one now. */
static bool
is_redirected(const struct buffer *answer)
{
    static const char word[] = "again\n";

    return buffer_length(answer) == sizeof(word) - 1 &&
        memcmp(buffer_head(answer), word, sizeof(word) - 1) == 0;
}

static int
print_daemon_answer(struct buffer *answer, struct error *error)
{
    bool ok = skip_word(answer, "ok\n");

    if (!ok && !skip_word(answer, "failed\n")) {
        error_add(error, "the daemon ended before it had an answer");
        return EXIT_FAILURE;
    }
    if (buffer_length(answer) > 0)
        print_text(ok ? stdout : stderr, (const char *)buffer_head(answer),
            buffer_length(answer), ok ? "" : "sallyport: ");
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* False: there is no answer, which has been said. */
static bool
ask_once(const struct ask *ask, const char *line, uint64_t patience_ms,
    struct buffer *answer, struct error *error)
{
    int fd = connect_daemon(ask, error);
    bool done = fd >= 0 && send_request(fd, line, error) &&
        read_daemon_answer(fd, answer, patience_ms, error);

    if (fd >= 0)
        close(fd);
    return done;
}

int
ask_daemon(const struct ask *ask, enum verb verb)
{
    uint64_t patience_ms = verbs_info(verb)->patience_ms;
    struct error error = { 0 };
    struct buffer answer = { 0 };
    char line[CONTROL_LINE_MAX + 1];
    int code = EXIT_FAILURE;
    bool done = make_request(ask, verb, line, &error);

    for (int i = 0; done && i < ASKED_AT_MOST; i++) {
        buffer_clear(&answer);
        done = ask_once(ask, line, patience_ms, &answer, &error);
        if (done && !is_redirected(&answer))
            break;
    }
    if (done)
        code = print_daemon_answer(&answer, &error);
    buffer_clear(&answer);
    error_print(&error);
    return code;
}
