/*
 * The log: one line per event, as text or as JSON, to one target.
 *
 * Writing never blocks the caller: when the target cannot take a line (a full
 * pipe, a full disk, a stuck syslogd) the line is dropped and counted, and the
 * count is logged as soon as the target takes lines again.  Values are escaped
 * so that nothing a peer sends can forge a line or carry a control character.
 *
 * This is the process's one global: a log that had to be passed to every
 * function would be in the way of reading each of them.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "base/error.h"
#include "base/log_field.h"

/*
 * Opens the target and switches to it; on failure (the reason is added to
 * `error`) the previous target stays in use.  `path` is the file of LOG_FILE,
 * which is made if it is not there, for the group adm to read where it can be;
 * for LOG_SYSLOG and LOG_JOURNAL it is the socket, NULL for the system's own.
 * Until the first call lines go to stderr as text at level info.
 *
 * Lines carry the time unless their receiver adds it.  On stderr under systemd
 * (JOURNAL_STREAM names it) each line carries its priority as "<N>" instead
 * (sd-daemon(3)); syslog and the journal get it in their own ways.  A message
 * for the journal has its fields as SALLYPORT_KEY too.
 */
NODISCARD bool log_open(enum log_target target, const char *path,
    enum log_format format, enum log_level level, struct error *error);

/* The same in two steps, so that a new target can be tried before anything else
 * depends on it.  NULL: the reason is in `error`.  One of the other two calls
 * takes what was prepared. */
struct log_prepared;
NODISCARD struct log_prepared *log_prepare(enum log_target target,
    const char *path, enum log_format format, enum log_level level,
    struct error *error);
void log_commit(struct log_prepared *prepared);
void log_discard(struct log_prepared *prepared);

/* Opens the file, or connects the socket, anew under its name; on failure the
 * old one stays in use, and an error says so.  Does nothing to stderr. */
void log_reopen(void);

/* How lines are made now. */
enum log_dress log_dress(void);
enum log_format log_format(void);
enum log_level log_level(void);

/* For a child process: lines go to `fd` (taken), the writing end of a pipe, in a
 * form that log_forward() reads, and the target that was open is closed here.
 * Until log_adjust() says otherwise they are made as they were. */
void log_become_child(int fd);
void log_adjust(
    enum log_dress dress, enum log_format format, enum log_level level);

/* For the parent: logs a line that a child sent: `length` bytes and the newline
 * behind them, which are changed.  What does not come from a child's log, such
 * as the last words of its C library, is logged as an error of `name`.  Nothing
 * in it can end a line, or look like another level.  Several lines may be held
 * back until log_flush(). */
void log_forward(char *bytes, size_t length, const char *name, int pid);
void log_flush(void);

/* Drops warnings and less while hushed: for work whose warnings another process
 * has logged. */
void log_hush(bool hushed);

/* Where what is warned of was written, if it is a line of a file; file NULL: it is
 * not. */
struct log_cause {
    const char *file;
    struct error_place place;
};

struct log_warning {
    const char *service; /* NULL: the warning is not about one */
    const char *text;
    const char *kind;    /* a literal: those of one kind have the same */
    struct log_cause cause;
};

/* Has `hear` told of each warning, written or not, but for what is hushed; NULL: no
 * more.  What hears must not warn.  False from it: the warning is not written. */
typedef bool log_hear_fn(void *arg, const struct log_warning *warning);
void log_tap_warnings(log_hear_fn *hear, void *arg);

/* "SERVICE: TEXT", or the text alone.  Returns `line`. */
enum { LOG_WARNING_SIZE = 4096 };
const char *log_warning_line(
    const struct log_warning *warning, char line[LOG_WARNING_SIZE]);

/* Lines after this one go where they went before the first log_open. */
void log_close(void);

/* True if a line of this level would be written: for callers whose fields cost
 * something to make. */
bool log_wants(enum log_level level);

/* `service` NULL: the line is not about one service.  `kind`, `cause`: of struct
 * log_warning.  What is not printable
 * ASCII in the finished message is escaped; quotes and backslashes are kept.
 * These functions and log_event leave errno alone. */
void log_error(const char *service, const char *format, ...) PRINTF_LIKE(2, 3);
void log_warn(const char *service, const char *format, ...) PRINTF_LIKE(2, 3);
void log_warn_at(const struct log_cause *cause, const char *service,
    const char *kind, const char *format, ...) PRINTF_LIKE(4, 5);
void log_info(const char *service, const char *format, ...) PRINTF_LIKE(2, 3);
void log_debug(const char *service, const char *format, ...) PRINTF_LIKE(2, 3);

/* One line with fields: `TIME LEVEL EVENT key=value ...`, a value quoted where
 * it is empty or holds a space, quote, '=' or escaped byte; or one JSON object
 * {"time":...,"level":...,"event":EVENT,"key":value,...}.
 *
 * A line takes at most 4096 bytes, a value 1024 of them: what is longer ends
 * with "...".  Fields for which no room is left are replaced by one named
 * "more" with the value "...", so put the important ones first. */
void log_event(enum log_level level, const char *event,
    const struct log_field *fields, size_t count);

#endif
