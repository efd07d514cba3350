/*
 * The target of the log that is open, and lines on their way to it: the process's
 * own, and those of its children, which may be held back to be written together.
 *
 * Nothing here waits: a line that the target does not take is dropped and counted,
 * and the count goes before the next line that is taken.  Until a target is given
 * lines go to stderr.  Part of the log, below base/log.h.
 */
#ifndef BASE_LOG_OUTPUT_H
#define BASE_LOG_OUTPUT_H

#include "base/base.h"
#include "base/log_field.h"
#include "base/log_line.h"
#include "base/log_record.h"
#include "base/log_sink.h"

/* Writes a line of this process, behind those that are held back.  Leaves errno
 * alone. */
void log_output_emit(const struct log_record *record);

/* Writes a line that child `pid` sent, or holds it back until
 * log_output_flush(). */
void log_output_forward(const struct log_sent *sent, int pid);
void log_output_flush(void);

/* Makes `sink`, which it takes, the target in place of the one that is open. */
void log_output_replace(const struct log_sink *sink);
void log_output_close(void);

/* From now on lines go to `fd`, which it takes, in the form that
 * log_record_parse() reads; what is held back and what was lost is forgotten, for
 * it is the parent's. */
void log_output_lead_to_parent(int fd);

/* The target that is open; NULL: none is. */
const struct log_sink *log_output_sink(void);

/* How lines are made.  For the dress a target is opened if none is. */
enum log_dress log_output_dress(void);
enum log_format log_output_format(void);
void log_output_adjust(enum log_dress dress, enum log_format format);

#endif
