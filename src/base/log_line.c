#include "base/log_line.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/escape.h"

#define VALUE_MAX 1024
#define VALUE_LEAST 3           /* "..." */
#define TIME_SIZE 40

/* Kept free for what ends a line: `,"more":"..."}` and the newline. */
#define END_ROOM 16

void
log_line_start(struct log_line *line)
{
    line->text[0] = '\0';
    line->length = 0;
    line->limit = LOG_LINE_SIZE - END_ROOM;
    line->cut = false;
}

bool
log_line_put(struct log_line *line, const char *format, ...)
{
    size_t room = line->limit - line->length;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(line->text + line->length, room + 1, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length > room) {
        line->text[line->length] = '\0';
        return false;
    }
    line->length += (size_t)length;
    return true;
}

/* Leaves `spare` bytes of the line free.  False: not even "..." has room. */
static bool
put_escaped(struct log_line *line, const char *value, size_t most,
    size_t spare, unsigned flags)
{
    size_t room = line->limit - line->length;

    if (room < VALUE_LEAST + spare)
        return false;
    room -= spare;
    line->length += escape_bytes(line->text + line->length,
        (room < most ? room : most) + 1, value, strlen(value), flags);
    return true;
}

static bool
needs_quotes(const char *value)
{
    if (*value == '\0')
        return true;
    for (; *value != '\0'; value++)
        if (*value <= ' ' || *value > '~' || strchr("\"'\\=", *value) != NULL)
            return true;
    return false;
}

static bool
put_value(struct log_line *line, const char *value, const char *quote,
    unsigned flags)
{
    return log_line_put(line, "%s", quote) &&
        put_escaped(line, value, VALUE_MAX, strlen(quote), flags) &&
        log_line_put(line, "%s", quote);
}

static bool
put_text_field(struct log_line *line, const struct log_field *field)
{
    if (field->is_number)
        return log_line_put(line, " %s=%" PRIu64, field->key, field->number);
    return log_line_put(line, " %s=", field->key) &&
        put_value(line, field->value,
            needs_quotes(field->value) ? "\"" : "", ESCAPE_VALUE);
}

static bool
put_json_field(struct log_line *line, const struct log_field *field)
{
    const char *comma = line->text[line->length - 1] == '{' ? "" : ",";

    if (field->is_number)
        return log_line_put(line, "%s\"%s\":%" PRIu64, comma, field->key,
            field->number);
    return log_line_put(line, "%s\"%s\":", comma, field->key) &&
        put_value(line, field->value, "\"", ESCAPE_VALUE | ESCAPE_JSON);
}

static bool
put_journal_field(struct log_line *line, const struct log_field *field)
{
    log_line_put(line, "SALLYPORT_");
    for (const char *at = field->key; *at != '\0'; at++)
        log_line_put(line, "%c",
            isalnum((unsigned char)*at) ? toupper((unsigned char)*at) : '_');
    if (field->is_number)
        return log_line_put(line, "=%" PRIu64 "\n", field->number);
    return log_line_put(line, "=") &&
        put_escaped(line, field->value, VALUE_MAX, 1, ESCAPE_VALUE) &&
        log_line_put(line, "\n");
}

typedef bool put_field_fn(struct log_line *line, const struct log_field *field);

/* All of a field or none of it. */
static void
put_field(struct log_line *line, const struct log_field *field,
    put_field_fn *put)
{
    size_t before = line->length;

    if (field->value == NULL && !field->is_number)
        return;
    if (put(line, field))
        return;
    line->length = before;
    line->text[before] = '\0';
    line->cut = true;
}

static void
put_string(struct log_line *line, const char *key, const char *value,
    put_field_fn *put)
{
    struct log_field field = LOG_STRING(key, value);

    put_field(line, &field, put);
}

static void
put_fields(struct log_line *line, const struct log_record *record,
    put_field_fn *put)
{
    for (size_t i = 0; i < record->count; i++)
        put_field(line, &record->fields[i], put);
}

static const char *
format_time(char text[TIME_SIZE])
{
    struct timespec now;
    struct tm tm;
    size_t length;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    length = strftime(text, TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + length, TIME_SIZE - length, ".%03uZ",
        (unsigned)(now.tv_nsec / 1000000) % 1000);
    return text;
}

static void
add_text_record(struct log_line *line, const struct log_record *record,
    const char *time)
{
    log_line_put(line, "%s%s%s ", time != NULL ? time : "",
        time != NULL ? " " : "", log_level_name(record->level));
    if (record->event != NULL) {
        log_line_put(line, "%s", record->event);
        put_fields(line, record, put_text_field);
        return;
    }
    if (record->service != NULL) {
        put_escaped(line, record->service, VALUE_MAX, 0, ESCAPE_VALUE);
        log_line_put(line, ": ");
    }
    put_escaped(line, record->message, LOG_LINE_SIZE, 0, ESCAPE_MESSAGE);
}

static void
add_json_record(struct log_line *line, const struct log_record *record,
    const char *time)
{
    log_line_put(line, "{");
    put_string(line, "time", time, put_json_field);
    put_string(line, "level", log_level_name(record->level), put_json_field);
    put_string(line, "event", record->event, put_json_field);
    if (record->event != NULL) {
        put_fields(line, record, put_json_field);
        return;
    }
    put_string(line, "service", record->service, put_json_field);
    log_line_put(line, ",\"message\":\"");
    put_escaped(line, record->message, LOG_LINE_SIZE, 1,
        ESCAPE_MESSAGE | ESCAPE_JSON);
    log_line_put(line, "\"");
}

void
log_line_add(struct log_line *line, const struct log_record *record,
    enum log_format format, bool with_time)
{
    char text[TIME_SIZE];
    const char *time = with_time ? format_time(text) : NULL;

    if (format == LOG_JSON)
        add_json_record(line, record, time);
    else
        add_text_record(line, record, time);

    line->limit = LOG_LINE_SIZE;
    if (line->cut)
        log_line_put(line, format == LOG_JSON ? ",\"more\":\"...\"" :
            " more=...");
    log_line_put(line, format == LOG_JSON ? "}\n" : "\n");
}

void
log_line_add_journal(struct log_line *line, const struct log_record *record)
{
    line->limit = LOG_LINE_SIZE;
    put_string(line, "event", record->event, put_journal_field);
    if (record->event != NULL)
        put_fields(line, record, put_journal_field);
    else
        put_string(line, "service", record->service, put_journal_field);
}
