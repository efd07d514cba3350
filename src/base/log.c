#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log_line.h"
#include "base/log_output.h"
#include "base/log_record.h"
#include "base/log_sink.h"

static struct {
    enum log_level level;
    bool hushed;
} state = { .level = LOG_LEVEL_INFO };

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
    log_output_emit(&(struct log_record){
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
    log_output_emit(&(struct log_record){
        .level = level, .event = event, .fields = fields, .count = count,
    });
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
    log_output_replace(&prepared->sink);
    log_output_adjust(prepared->sink.dress, prepared->format);
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
    const struct log_sink *old = log_output_sink();
    struct error error = { 0 };
    struct log_sink sink;

    if (old == NULL || old->path == NULL)
        return;
    if (log_sink_open(&sink, old->target, old->path, &error))
        log_output_replace(&sink);
    else
        log_error(NULL, "%s; the old one stays in use",
            error.count > 0 ? error.messages[0] : "cannot reopen the log");
    error_clear(&error);
}

enum log_dress
log_dress(void)
{
    return log_output_dress();
}

enum log_format
log_format(void)
{
    return log_output_format();
}

enum log_level
log_level(void)
{
    return state.level;
}

void
log_become_child(int fd)
{
    log_output_lead_to_parent(fd);
    state.hushed = false;
}

void
log_adjust(enum log_dress dress, enum log_format format, enum log_level level)
{
    log_output_adjust(dress, format);
    state.level = level;
}

void
log_flush(void)
{
    log_output_flush();
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
    if (mark != NULL && log_record_parse(mark, length - before, &sent) &&
        sent.level <= state.level)
        log_output_forward(&sent, pid);
}

void
log_close(void)
{
    log_output_close();
    memset(&state, 0, sizeof(state));
    state.level = LOG_LEVEL_INFO;
}
