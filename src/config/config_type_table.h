/*
 * The table of types: how a value of each is parsed, kept, written out again
 * and freed, and what the help says of it.
 *
 * A new type is a word in enum option_type, a row, and the functions that the
 * row names; types that are kept in the same way share them.
 */
#ifndef CONFIG_CONFIG_TYPE_TABLE_H
#define CONFIG_CONFIG_TYPE_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config_options.h"

struct fault;
struct files;
struct origin;

/* What a parser works on; `directory` and `files`: config_type_parse(). */
struct config_parse {
    const struct option *option;
    const char *text;
    const char *directory;
    struct files *files;
    void *field;
    struct fault *fault;
};

/* One type.  `field` is what the option's offset leads to. */
struct config_type {
    bool (*parse)(const struct config_parse *p);

    /* How many values are to be written.  NULL: always one. */
    size_t (*count)(const void *field);

    char *(*format)(const struct option *option, const void *field,
        size_t index);

    /* Leaves the field as if it had never been set.  NULL: it owns nothing. */
    void (*clear)(void *field);

    /* What may be written: words for the help, or a function where that depends
     * on the option. */
    const char *expects;
    void (*describe)(const struct option *option, char *text, size_t size);

    /* NULL: values do not keep where they were written. */
    struct origin *(*origin)(const void *field, size_t index);
};

extern const struct config_type config_type_table[OPTION_TYPE_COUNT];

#endif
