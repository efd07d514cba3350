#include "base/log_record.h"

#include <string.h>

static const char prefix[] = "SALLYPORT_";

void
log_record_write(struct log_line *line, const struct log_record *record,
    enum log_format format, enum log_dress dress)
{
    log_line_start(line);
    log_line_put(line, "%c%d", LOG_RECORD_MARK, (int)record->level);
    log_line_add(line, record, format, dress == LOG_DRESS_TIME);
    if (dress != LOG_DRESS_JOURNAL)
        return;
    log_line_add_journal(line, record);
    for (size_t i = 0; i + 1 < line->length; i++)
        if (line->text[i] == '\n')
            line->text[i] = LOG_RECORD_SEPARATOR;
}

void
log_record_clean(char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] < ' ' || bytes[i] > '~')
            bytes[i] = '?';
}

/* KEY=value, of which the key is one that log_line_add_journal() makes. */
static bool
is_field(const char *field, size_t length)
{
    size_t at = sizeof(prefix) - 1;

    if (length <= at || memcmp(field, prefix, at) != 0)
        return false;
    while (at < length && ((field[at] >= 'A' && field[at] <= 'Z') ||
        (field[at] >= '0' && field[at] <= '9') || field[at] == '_'))
        at++;
    return at > sizeof(prefix) - 1 && at < length && field[at] == '=';
}

/* Ends each field with a newline instead of a separator.  Returns how many bytes
 * are in order. */
static size_t
judge_fields(char *fields, size_t length)
{
    size_t done = 0;

    while (done < length) {
        char *field = fields + done;
        char *end = memchr(field, LOG_RECORD_SEPARATOR, length - done);
        size_t size = end != NULL ? (size_t)(end - field) : length - done;

        if (end == NULL || !is_field(field, size))
            break;
        log_record_clean(field, size);
        *end = '\n';
        done += size + 1;
    }
    return done;
}

bool
log_record_parse(char *bytes, size_t length, struct log_sent *out)
{
    char *text = bytes + 2, *end;

    if (length < 2 || bytes[0] != LOG_RECORD_MARK || bytes[1] < '0' ||
        bytes[1] > '0' + LOG_LEVEL_DEBUG)
        return false;
    end = memchr(text, LOG_RECORD_SEPARATOR, length - 2);
    *out = (struct log_sent){
        .level = (enum log_level)(bytes[1] - '0'),
        .text = text,
        .length = end != NULL ? (size_t)(end - text) : length - 2,
    };
    log_record_clean(text, out->length);
    if (end == NULL)
        return true;
    bytes[length] = LOG_RECORD_SEPARATOR;
    out->fields = end + 1;
    out->fields_length = judge_fields(end + 1, length - 2 - out->length);
    return true;
}
