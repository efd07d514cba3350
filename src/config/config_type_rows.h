/*
 * The rows of the table of types (config_type_table.h): how a value of each is
 * parsed, kept, written out again and freed, and what the help says of it.
 *
 * A new type is a word in enum option_type, a row here, in the file of those that
 * are kept in the same way and share functions, and its place in the table.
 */
#ifndef CONFIG_CONFIG_TYPE_ROWS_H
#define CONFIG_CONFIG_TYPE_ROWS_H

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

/* config_type_scalars.c: plain numbers and words, which own nothing. */
extern const struct config_type config_type_bool;
extern const struct config_type config_type_word;
extern const struct config_type config_type_number;
extern const struct config_type config_type_msec;
extern const struct config_type config_type_size;
extern const struct config_type config_type_mode;
extern const struct config_type config_type_keepalive;

/* config_type_strings.c: a string, or a list of strings. */
extern const struct config_type config_type_path;
extern const struct config_type config_type_paths;
extern const struct config_type config_type_trust;
extern const struct config_type config_type_patterns;
extern const struct config_type config_type_control;
extern const struct config_type config_type_joined;
extern const struct config_type config_type_protocols;
extern const struct config_type config_type_pins;
extern const struct config_type config_type_host;
extern const struct config_type config_type_sni;
extern const struct config_type config_type_owner;
extern const struct config_type config_type_account;
extern const struct config_type config_type_log;

/* config_type_lists.c: lists of endpoints and of rules, whose items keep where they
 * were written. */
extern const struct config_type config_type_listen;
extern const struct config_type config_type_connect;
extern const struct config_type config_type_match;
extern const struct config_type config_type_allow;

#endif
