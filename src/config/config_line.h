/*
 * One line of a configuration file, judged before inih sees it.
 *
 * inih is lenient where an operator needs to be told: it cuts long lines and
 * names in silence, joins indented lines to the key above, takes ':' for '='.
 * Only lines on whose meaning both agree get through to it.
 */
#ifndef CONFIG_CONFIG_LINE_H
#define CONFIG_CONFIG_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "config/config_fault.h"

/* inih has a buffer of 200 bytes for the line, its newline and a NUL, and one
 * of 50 bytes for a section's name or a key. */
#define LINE_MAX_LENGTH 198
#define LINE_NAME_MAX 49

enum line_kind {
    LINE_EMPTY,         /* nothing, or a comment */
    LINE_SECTION,
    LINE_ASSIGNMENT,
    LINE_BAD,
};

struct line {
    enum line_kind kind;
    bool is_header;                     /* LINE_BAD: it meant a section */
    char section[LINE_NAME_MAX + 1];    /* LINE_SECTION: between the brackets */
    char key[LINE_NAME_MAX + 1];        /* LINE_ASSIGNMENT; perhaps LINE_BAD */
    char value[LINE_MAX_LENGTH + 1];    /* LINE_ASSIGNMENT: "" if none */
    struct fault fault;                 /* LINE_BAD */
};

/* `length` bytes without the newline.  Returns the kind. */
enum line_kind config_line_judge(struct line *line, const char *bytes,
    size_t length);

/* Whether a value is one that a file can hold, for values that come from
 * elsewhere.  False: `fault` says why not. */
NODISCARD bool config_line_value_is_good(const char *value,
    struct fault *fault);

#endif
