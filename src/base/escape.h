/*
 * Bytes from outside, made fit for a line of text.
 *
 * Printable ASCII is kept; every other byte becomes \xNN: control bytes and
 * DEL, and high bytes too, because a terminal or a log reader may take C1
 * controls, bidirectional marks and look-alike letters at their word.
 */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include <stddef.h>

enum escape_flags {
    /* Quotes and backslashes are escaped as well, so that what is left can
     * stand between quotes and be read back without doubt. */
    ESCAPE_VALUE = 0,
    /* Quotes are kept: for sentences of our own that quote something. */
    ESCAPE_MESSAGE = 1 << 0,
    /* The result goes between the quotes of a JSON string. */
    ESCAPE_JSON = 1 << 1,
};

/* Writes at most `size` - 1 bytes and a NUL to `text`, which must have room for
 * "..." (a `size` of 4).  What does not fit is cut between two bytes of `data`
 * and ends with "...".  Returns the length of the text. */
size_t escape_bytes(char *text, size_t size, const void *data, size_t length,
    unsigned flags);

/* Takes back in place what escape_bytes() made with ESCAPE_VALUE, but for NUL
 * bytes: for text that will be escaped where it goes to. */
void escape_undo(char *text);

#endif
