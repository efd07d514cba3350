/*
 * A line of the log on its way from a child process to its parent.
 *
 * As the child writes it: LOG_RECORD_MARK, the level as a digit, the line, and
 * for the journal each field behind a LOG_RECORD_SEPARATOR; a newline ends it.
 * The child may have been taken over, so nothing of it is looked at before
 * log_record_parse() has agreed to it.
 */
#ifndef BASE_LOG_RECORD_H
#define BASE_LOG_RECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "base/log_field.h"
#include "base/log_line.h"

#define LOG_RECORD_MARK '\001'
#define LOG_RECORD_SEPARATOR '\002'

struct log_sent {
    enum log_level level;
    const char *text; /* printable ASCII, not ended by a NUL */
    size_t length;
    const char *fields; /* SALLYPORT_KEY=value and a newline, each */
    size_t fields_length;
};

/* Makes the bytes for one record, the newline included. */
void log_record_write(struct log_line *line, const struct log_record *record,
    enum log_format format, enum log_dress dress);

/* Judges `length` bytes and the newline that stands behind them, all of which may
 * be changed: what is not printable becomes '?', and a field that is not in order
 * ends the fields.  False: not a record. */
NODISCARD bool log_record_parse(
    char *bytes, size_t length, struct log_sent *out);

/* Makes everything in the bytes printable. */
void log_record_clean(char *bytes, size_t length);

#endif
