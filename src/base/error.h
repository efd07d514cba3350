/*
 * Explains to the operator why something could not be done: a list of
 * messages, each of which says what, where and what to do.
 *
 * Start-up collects every fault it can find before it gives up, so one
 * `struct error` may hold many messages.  Zero-initialise before use.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct error {
    char **messages;
    struct error_note *notes; /* of each, error.c's own */
    size_t count;
    size_t dropped; /* past the bound, or no memory to keep them */
};

/* Where the cause of a message is written. */
struct error_place {
    unsigned file; /* as they were read, from 1; 0: there is no such place */
    unsigned line;
};

/* Adds one message (no trailing newline) and leaves errno alone.  What is not
 * printable ASCII is escaped, and a message past 2047 bytes ends with "...".
 * After 200 messages further ones are only counted. */
void error_add(struct error *error, const char *format, ...) PRINTF_LIKE(2, 3);

/* The same of something at `place`.  After ten messages of one `kind`, a text that
 * is not freed, one more says how many there are. */
void error_add_at(struct error *error, struct error_place place,
    const char *kind, const char *format, ...) PRINTF_LIKE(4, 5);

/* Puts the messages in the order of their places.  What has none comes last, and
 * what has the same stays as it was added. */
void error_sort(struct error *error);

/* Moves the messages of `from`, which is empty then, behind those of `error`. */
void error_move(struct error *error, struct error *from);

/* How many messages were added, those included that were only counted. */
size_t error_total(const struct error *error);

/* Adds that there was no memory. */
#define ERROR_NO_MEMORY "out of memory"
void error_no_memory(struct error *error);

/* The first message; without any there was no memory for it. */
const char *error_first(const struct error *error);

/* True if a message was added (or dropped). */
bool error_any(const struct error *error);

/* Prints each message to stderr, behind the program's name, and empties the
 * list. */
void error_print(struct error *error);

/* Empties the list; it may be used again. */
void error_clear(struct error *error);

#endif
