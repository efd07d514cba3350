/*
 * What a line of the log is made of: its level, its fields, and the forms that
 * it is written in.
 */
#ifndef BASE_LOG_FIELD_H
#define BASE_LOG_FIELD_H

#include <stdbool.h>
#include <stdint.h>

enum log_level {
    LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG
};
enum log_format { LOG_TEXT, LOG_JSON };
enum log_target { LOG_STDERR, LOG_FILE, LOG_SYSLOG, LOG_JOURNAL };

/* What a line needs so that its reader knows when it was and how grave. */
enum log_dress {
    LOG_DRESS_TIME,     /* the time in front */
    LOG_DRESS_PRIORITY, /* "<6>" in front */
    LOG_DRESS_SYSLOG,   /* "<30>sallyport[123]: " in front */
    LOG_DRESS_JOURNAL,  /* fields around it */
};

/* One key=value of an event.  A field with neither value nor number is left
 * out. */
struct log_field {
    const char *key; /* our own word: lower case, no spaces */
    const char *value;
    uint64_t number;
    bool is_number;
};

#define LOG_STRING(k, v) { .key = (k), .value = (v) }
#define LOG_NUMBER(k, n) { .key = (k), .number = (n), .is_number = true }

/* "error", "warn", "info", "debug". */
const char *log_level_name(enum log_level level);

#endif
