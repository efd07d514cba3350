#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log_line.h"
#include "base/log_sink.h"

#define IDENTIFIER "sallyport"
#define FACILITY_DAEMON 24      /* RFC 3164; <syslog.h> has a LOG_SYSLOG too */

_Static_assert(LOG_LINE_SIZE <= PIPE_BUF, "a line must be written whole");

static const struct {
    const char *name;
    unsigned priority;          /* syslog(3)'s */
} levels[] = {
    [LOG_LEVEL_ERROR] = { "error", 3 },
    [LOG_LEVEL_WARN] = { "warn", 4 },
    [LOG_LEVEL_INFO] = { "info", 6 },
    [LOG_LEVEL_DEBUG] = { "debug", 7 },
};

static struct {
    struct log_sink sink;
    bool opened;
    enum log_format format;
    enum log_level level;
    uint64_t lost;              /* lines, since the last that was written */
    void (*on_lost)(void *arg);
    void *on_lost_arg;
    uint64_t told_ms;           /* when on_lost last ran */
    bool hushed;
} state = { .level = LOG_LEVEL_INFO };

const char *
log_level_name(enum log_level level)
{
    return levels[level].name;
}

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

static bool
write_journal(const struct log_line *line, const struct log_record *record)
{
    struct log_line head, fields;

    log_line_start(&head);
    log_line_put(&head, "PRIORITY=%u\nSYSLOG_FACILITY=%u\nSYSLOG_IDENTIFIER="
        IDENTIFIER "\nMESSAGE=", levels[record->level].priority,
        FACILITY_DAEMON >> 3);
    log_line_start(&fields);
    log_line_add_journal(&fields, record);
    return log_sink_write(&state.sink, (struct iovec[]){
        { head.text, head.length },
        { (char *)line->text, line->length },
        { fields.text, fields.length },
    }, 3);
}

static bool
write_line(struct log_line *line)
{
    /* A datagram ends by itself. */
    if (state.sink.dress == LOG_DRESS_SYSLOG)
        line->length--;
    return log_sink_write(&state.sink,
        &(struct iovec){ line->text, line->length }, 1);
}

static bool
write_record(const struct log_record *record)
{
    enum log_dress dress = state.sink.dress;
    unsigned priority = levels[record->level].priority;
    struct log_line line;

    log_line_start(&line);
    if (state.sink.torn)
        log_line_put(&line, "\n");
    if (dress == LOG_DRESS_PRIORITY)
        log_line_put(&line, "<%u>", priority);
    else if (dress == LOG_DRESS_SYSLOG)
        log_line_put(&line, "<%u>" IDENTIFIER "[%ld]: ",
            FACILITY_DAEMON | priority, (long)getpid());
    log_line_add(&line, record, state.format, dress == LOG_DRESS_TIME);

    if (dress == LOG_DRESS_JOURNAL)
        return write_journal(&line, record);
    return write_line(&line);
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
    snprintf(text, sizeof(text), "%" PRIu64 " log lines were lost",
        state.lost);
    if (!write_record(&record))
        return false;
    state.lost = 0;
    return true;
}

/* The time is taken first: what runs may log. */
static void
tell_lost(void)
{
    uint64_t now_ms = clock_now_ms();

    if (state.on_lost == NULL || !state.sink.gone ||
        (state.told_ms != 0 && now_ms - state.told_ms < SECONDS(1)))
        return;
    state.told_ms = now_ms;
    state.on_lost(state.on_lost_arg);
}

static void
emit(const struct log_record *record)
{
    int saved = errno;

    if (!is_open() || !report_lost() || !write_record(record)) {
        state.lost++;
        tell_lost();
    }
    errno = saved;
}

static void PRINTF_LIKE(3, 0)
log_message(enum log_level level, const char *service, const char *format,
    va_list arguments)
{
    /* As long as a line: what is cut here is marked as cut there. */
    char text[LOG_LINE_SIZE + 1];

    if (!log_wants(level))
        return;
    if (vsnprintf(text, sizeof(text), format, arguments) < 0)
        snprintf(text, sizeof(text), "(unprintable) %s", format);
    emit(&(struct log_record){
        .level = level, .service = service, .message = text,
    });
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
    va_list arguments;

    va_start(arguments, format);
    log_message(LOG_LEVEL_WARN, service, format, arguments);
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
    emit(&(struct log_record){
        .level = level, .event = event, .fields = fields, .count = count,
    });
}

static void
use(const struct log_sink *sink)
{
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
    use(&prepared->sink);
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

bool
log_reopen(void)
{
    struct error error = { 0 };
    struct log_sink sink;
    bool opened;

    if (!state.opened || state.sink.path == NULL)
        return false;
    opened = log_sink_open(&sink, state.sink.target, state.sink.path, &error);
    if (opened)
        use(&sink);
    else
        log_error(NULL, "%s; the old one stays in use",
            error.count > 0 ? error.messages[0] : "cannot reopen the log");
    error_clear(&error);
    return opened;
}

int
log_descriptor(void)
{
    return is_open() ? state.sink.fd : -1;
}

bool
log_adopt(enum log_target target, enum log_format format,
    enum log_level level, int fd)
{
    struct log_sink sink;

    if (!log_sink_adopt(&sink, target, fd))
        return false;
    use(&sink);
    state.format = format;
    state.level = level;
    return true;
}

void
log_on_lost(void (*lost)(void *arg), void *arg)
{
    state.on_lost = lost;
    state.on_lost_arg = arg;
}

void
log_close(void)
{
    if (state.opened) {
        report_lost();
        log_sink_close(&state.sink);
    }
    memset(&state, 0, sizeof(state));
    state.level = LOG_LEVEL_INFO;
}
