/*
 * What one line of the log says, and the line being made of it.
 */
#ifndef BASE_LOG_LINE_H
#define BASE_LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "base/log_field.h"

/* The newline included.  A pipe takes this much whole or not at all
 * (PIPE_BUF, pipe(7)). */
#define LOG_LINE_SIZE 4096

struct log_record {
    enum log_level level;
    const char *event;              /* NULL: a message */
    const struct log_field *fields; /* of an event */
    size_t count;
    const char *service;            /* of a message; may be NULL */
    const char *message;
};

struct log_line {
    char text[LOG_LINE_SIZE + 1];   /* with a NUL */
    size_t length;
    size_t limit;
    bool cut;                       /* something had no room */
};

void log_line_start(struct log_line *line);

/* Adds what is our own and needs no escaping.  False: no room for all of it,
 * nothing was added. */
bool log_line_put(struct log_line *line, const char *format, ...)
    PRINTF_LIKE(2, 3);

/* Adds the record as one line of text or one JSON object, and the newline. */
void log_line_add(struct log_line *line, const struct log_record *record,
    enum log_format format, bool with_time);

/* Adds the record's fields in the journal's own form, one KEY=value a line:
 * SALLYPORT_EVENT, SALLYPORT_SERVICE, ... */
void log_line_add_journal(struct log_line *line,
    const struct log_record *record);

#endif
