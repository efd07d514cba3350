#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log_line.h"
#include "base/log_record.h"
#include "base/log_sink.h"

#define IDENTIFIER "sallyport"
#define FACILITY_DAEMON 24      /* RFC 3164; <syslog.h> has a LOG_SYSLOG too */

_Static_assert(LOG_LINE_SIZE <= PIPE_BUF, "a line must be written whole");

/* Each level's priority, as syslog(3) has it. */
static const unsigned priorities[] = {
    [LOG_LEVEL_ERROR] = 3,
    [LOG_LEVEL_WARN] = 4,
    [LOG_LEVEL_INFO] = 6,
    [LOG_LEVEL_DEBUG] = 7,
};

static struct {
    struct log_sink sink;
    bool opened;
    enum log_format format;
    enum log_level level;
    uint64_t lost;              /* lines, since the last that was written */
    bool child;                 /* lines are sent to the parent */
    bool hushed;
} state = { .level = LOG_LEVEL_INFO };

/* Lines of children that are to be written by one call. */
enum { BATCH_BYTES = 32 << 10 };
static struct {
    char bytes[BATCH_BYTES];
    size_t length;
} batch;

void
log_hush(bool hushed)
{
    state.hushed = hushed;
}

bool
log_wants(enum log_level level)
{
    return level <= state.level &&
        (level == LOG_LEVEL_ERROR || !state.hushed);
}

/* `pid`: of the process whose line it is, where that is not this one; 0. */
static bool
send_journal(enum log_level level, int pid, struct iovec text,
    struct iovec fields)
{
    struct log_line head;

    log_line_start(&head);
    log_line_put(&head, "PRIORITY=%u\nSYSLOG_FACILITY=%u\nSYSLOG_IDENTIFIER="
        IDENTIFIER "\n", priorities[level], FACILITY_DAEMON >> 3);
    if (pid != 0)
        log_line_put(&head, "SYSLOG_PID=%d\n", pid);
    log_line_put(&head, "MESSAGE=");
    return log_sink_write(&state.sink, (struct iovec[]){
        { head.text, head.length }, text, { (char *)"\n", 1 }, fields,
    }, 4);
}

/* The text is without its newline. */
static bool
send_text(enum log_level level, int pid, struct iovec text)
{
    enum log_dress dress = state.sink.dress;
    struct log_line head;

    log_line_start(&head);
    if (state.sink.torn)
        log_line_put(&head, "\n");
    if (dress == LOG_DRESS_PRIORITY)
        log_line_put(&head, "<%u>", priorities[level]);
    else if (dress == LOG_DRESS_SYSLOG)
        log_line_put(&head, "<%u>" IDENTIFIER "[%d]: ",
            FACILITY_DAEMON | priorities[level], pid);
    /* A datagram ends by itself. */
    return log_sink_write(&state.sink, (struct iovec[]){
        { head.text, head.length }, text, { (char *)"\n", 1 },
    }, dress == LOG_DRESS_SYSLOG ? 2 : 3);
}

static bool
send_to_parent(const struct log_record *record)
{
    struct log_line line;

    log_record_write(&line, record, state.format, state.sink.dress);
    return log_sink_write(&state.sink, (struct iovec[]){
        { (char *)"\n", state.sink.torn ? 1 : 0 },
        { line.text, line.length },
    }, 2);
}

static bool
write_record(const struct log_record *record)
{
    enum log_dress dress = state.sink.dress;
    struct log_line line, fields;
    struct iovec text = { line.text, 0 };

    if (state.child)
        return send_to_parent(record);
    log_line_start(&line);
    log_line_add(&line, record, state.format, dress == LOG_DRESS_TIME);
    text.iov_len = line.length - 1;
    if (dress != LOG_DRESS_JOURNAL)
        return send_text(record->level, (int)getpid(), text);
    log_line_start(&fields);
    log_line_add_journal(&fields, record);
    return send_journal(record->level, 0, text,
        (struct iovec){ fields.text, fields.length });
}

static bool
is_open(void)
{
    struct error ignored = { 0 };

    if (!state.opened)
        state.opened = log_sink_open(&state.sink, LOG_STDERR, NULL, &ignored);
    error_clear(&ignored);
    return state.opened;
}

/* True if no line is missing from the log any more. */
static bool
report_lost(void)
{
    char text[64];
    struct log_record record = { .level = LOG_LEVEL_WARN, .message = text };

    if (state.lost == 0)
        return true;
    snprintf(text, sizeof(text), "%" PRIu64 " log line%s lost", state.lost,
        state.lost == 1 ? " was" : "s were");
    if (!write_record(&record))
        return false;
    state.lost = 0;
    return true;
}

static void
emit_record(const struct log_record *record)
{
    int saved = errno;

    log_flush();
    if (!is_open() || !report_lost() || !write_record(record))
        state.lost++;
    errno = saved;
}

static struct {
    log_hear_fn *hear;
    void *arg;
} tap;

void
log_tap_warnings(log_hear_fn *hear, void *arg)
{
    tap.hear = hear;
    tap.arg = arg;
}

const char *
log_warning_line(
    const struct log_warning *warning, char line[LOG_WARNING_SIZE])
{
    snprintf(line, LOG_WARNING_SIZE, "%s%s%s",
        warning->service != NULL ? warning->service : "",
        warning->service != NULL ? ": " : "", warning->text);
    return line;
}

static const char *PRINTF_LIKE(2, 0)
format_line(char text[LOG_LINE_SIZE + 1], const char *format, va_list arguments)
{
    if (vsnprintf(text, LOG_LINE_SIZE + 1, format, arguments) < 0)
        snprintf(text, LOG_LINE_SIZE + 1, "(unprintable) %s", format);
    return text;
}

static void
emit_message(enum log_level level, const char *service, const char *text)
{
    emit_record(&(struct log_record){
        .level = level, .service = service, .message = text,
    });
}

static void PRINTF_LIKE(3, 0)
log_message(enum log_level level, const char *service, const char *format,
    va_list arguments)
{
    /* As long as a line: what is cut here is marked as cut there. */
    char text[LOG_LINE_SIZE + 1];

    if (log_wants(level))
        emit_message(level, service, format_line(text, format, arguments));
}

static void PRINTF_LIKE(4, 0)
emit_warning(const struct log_cause *cause, const char *service,
    const char *kind, const char *format, va_list arguments)
{
    bool tapped = tap.hear != NULL && !state.hushed;
    char text[LOG_LINE_SIZE + 1];
    const struct log_warning warning = {
        .service = service, .text = text, .kind = kind, .cause = *cause,
    };

    if (!log_wants(LOG_LEVEL_WARN) && !tapped)
        return;
    format_line(text, format, arguments);
    if ((!tapped || tap.hear(tap.arg, &warning)) && log_wants(LOG_LEVEL_WARN))
        emit_message(LOG_LEVEL_WARN, service, text);
}

void
log_error(const char *service, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_message(LOG_LEVEL_ERROR, service, format, arguments);
    va_end(arguments);
}

void
log_warn(const char *service, const char *format, ...)
{
    static const struct log_cause none;
    va_list arguments;

    va_start(arguments, format);
    emit_warning(&none, service, format, format, arguments);
    va_end(arguments);
}

void
log_warn_at(const struct log_cause *cause, const char *service,
    const char *kind, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    emit_warning(cause, service, kind, format, arguments);
    va_end(arguments);
}

void
log_info(const char *service, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_message(LOG_LEVEL_INFO, service, format, arguments);
    va_end(arguments);
}

void
log_debug(const char *service, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    log_message(LOG_LEVEL_DEBUG, service, format, arguments);
    va_end(arguments);
}

void
log_event(enum log_level level, const char *event,
    const struct log_field *fields, size_t count)
{
    if (!log_wants(level))
        return;
    emit_record(&(struct log_record){
        .level = level, .event = event, .fields = fields, .count = count,
    });
}

static void
replace_sink(const struct log_sink *sink)
{
    log_flush();
    if (state.opened) {
        report_lost();
        log_sink_close(&state.sink);
    }
    state.sink = *sink;
    state.opened = true;
}

struct log_prepared {
    struct log_sink sink;
    enum log_format format;
    enum log_level level;
};

struct log_prepared *
log_prepare(enum log_target target, const char *path, enum log_format format,
    enum log_level level, struct error *error)
{
    struct log_prepared *prepared = malloc(sizeof(*prepared));

    if (prepared == NULL) {
        error_add(error, "cannot open the log: out of memory");
        return NULL;
    }
    if (!log_sink_open(&prepared->sink, target, path, error)) {
        free(prepared);
        return NULL;
    }
    prepared->format = format;
    prepared->level = level;
    return prepared;
}

void
log_commit(struct log_prepared *prepared)
{
    replace_sink(&prepared->sink);
    state.format = prepared->format;
    state.level = prepared->level;
    free(prepared);
}

void
log_discard(struct log_prepared *prepared)
{
    if (prepared == NULL)
        return;
    log_sink_close(&prepared->sink);
    free(prepared);
}

bool
log_open(enum log_target target, const char *path, enum log_format format,
    enum log_level level, struct error *error)
{
    struct log_prepared *prepared =
        log_prepare(target, path, format, level, error);

    if (prepared == NULL)
        return false;
    log_commit(prepared);
    return true;
}

void
log_reopen(void)
{
    struct error error = { 0 };
    struct log_sink sink;
    bool opened;

    if (!state.opened || state.sink.path == NULL)
        return;
    opened = log_sink_open(&sink, state.sink.target, state.sink.path, &error);
    if (opened)
        replace_sink(&sink);
    else
        log_error(NULL, "%s; the old one stays in use",
            error.count > 0 ? error.messages[0] : "cannot reopen the log");
    error_clear(&error);
}

enum log_dress
log_dress(void)
{
    return is_open() ? state.sink.dress : LOG_DRESS_TIME;
}

enum log_format
log_format(void)
{
    return state.format;
}

enum log_level
log_level(void)
{
    return state.level;
}

void
log_become_child(int fd)
{
    enum log_dress dress = log_dress();

    if (state.opened)
        log_sink_close(&state.sink);
    state.sink = (struct log_sink){
        .fd = fd, .dress = dress, .way = LOG_WAY_WRITE,
    };
    state.opened = true;
    state.child = true;
    state.lost = 0;
    state.hushed = false;
    batch.length = 0;
}

void
log_adjust(enum log_dress dress, enum log_format format, enum log_level level)
{
    state.sink.dress = dress;
    state.format = format;
    state.level = level;
}

/* Of a batch that was written in part. */
static void
count_unwritten(void)
{
    size_t written = state.sink.written;

    for (size_t i = written; i < batch.length; i++)
        state.lost += batch.bytes[i] == '\n';
    if (written > 0 && batch.bytes[written - 1] == '\n')
        state.sink.torn = false;
}

void
log_flush(void)
{
    struct iovec all = { batch.bytes, batch.length };

    if (batch.length == 0)
        return;
    if (!report_lost()) {
        state.sink.written = 0;
        count_unwritten();
    } else if (!log_sink_write(&state.sink, &all, 1)) {
        count_unwritten();
    }
    batch.length = 0;
}

/* False: it has to be written by itself. */
static bool
put_into_batch(const struct log_sent *sent)
{
    if (!state.sink.regular || state.sink.torn ||
        state.sink.dress != LOG_DRESS_TIME ||
        sent->length >= sizeof(batch.bytes))
        return false;
    if (sent->length >= sizeof(batch.bytes) - batch.length)
        log_flush();
    memcpy(batch.bytes + batch.length, sent->text, sent->length);
    batch.length += sent->length;
    batch.bytes[batch.length++] = '\n';
    return true;
}

static bool
write_sent(const struct log_sent *sent, int pid)
{
    struct iovec text = { (char *)sent->text, sent->length };

    if (state.sink.dress == LOG_DRESS_JOURNAL)
        return send_journal(sent->level, pid, text,
            (struct iovec){ (char *)sent->fields, sent->fields_length });
    return send_text(sent->level, pid, text);
}

/* Where the C library's words and a line of the log meet, the line begins at its
 * mark. */
void
log_forward(char *bytes, size_t length, const char *name, int pid)
{
    char *mark = memrchr(bytes, LOG_RECORD_MARK, length);
    size_t before = mark != NULL ? (size_t)(mark - bytes) : length;
    struct log_sent sent;

    if (before > 0) {
        log_record_clean(bytes, before);
        log_error(NULL, "%s: %.*s", name, (int)before, bytes);
    }
    if (mark == NULL || !log_record_parse(mark, length - before, &sent) ||
        sent.level > state.level || !is_open() || put_into_batch(&sent))
        return;
    log_flush();
    if (!report_lost() || !write_sent(&sent, pid))
        state.lost++;
}

void
log_close(void)
{
    log_flush();
    if (state.opened) {
        report_lost();
        log_sink_close(&state.sink);
    }
    memset(&state, 0, sizeof(state));
    state.level = LOG_LEVEL_INFO;
}
