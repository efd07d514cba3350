/*
 * The option table: every option of the language is one entry of it.
 *
 * The parser, the checks, the command line, `config show`, the help text and
 * the manual all read this table; none of them knows an option by itself.
 */
#ifndef CONFIG_CONFIG_OPTIONS_H
#define CONFIG_CONFIG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

enum option_scope {
    OPTION_GLOBAL,  /* fields of struct global_config */
    OPTION_SERVICE, /* fields of struct service_config, legs included */
};

/* What is written after the '=', and the field that holds it. */
enum option_type {
    OPTION_BOOL,        /* bool: yes or no */
    OPTION_WORD,        /* an enum: one of `words` */
    OPTION_NUMBER,      /* unsigned */
    OPTION_MSEC,        /* uint64_t, a duration */
    OPTION_SIZE,        /* size_t, bytes */
    OPTION_MODE,        /* mode_t, octal */
    OPTION_PATH,        /* char *: a file */
    OPTION_PATHS,       /* struct strings: files */
    OPTION_TRUST,       /* struct strings: files, directories, or "system" */
    OPTION_PATTERNS,    /* struct strings: glob patterns, as written */
    OPTION_JOINED,      /* char *: repeated values, joined by ':' */
    OPTION_PROTOCOLS,   /* struct strings: ALPN names */
    OPTION_ALLOW,       /* struct allow_rules: which peers may */
    OPTION_PINS,        /* struct strings: digests of public keys */
    OPTION_KEEPALIVE,   /* struct keepalive */
    OPTION_HOST,        /* char *: a host name or an IP address */
    OPTION_SNI,         /* char *: a host name, or "none" */
    OPTION_OWNER,       /* char *: USER[:GROUP] */
    OPTION_ACCOUNT,     /* char *: a user or a group */
    OPTION_CONTROL,     /* char *: a path, "auto" or "none" */
    OPTION_LISTEN,      /* struct endpoints: where to listen */
    OPTION_CONNECT,     /* struct endpoints: where to connect */
    OPTION_MATCH,       /* struct match_rules: which clients */
    OPTION_LOG,         /* log_target and log_path of struct global_config */
    OPTION_TYPE_COUNT
};

enum option_flags {
    OPTION_LIST = 1 << 0,       /* may be repeated */
    OPTION_REQUIRED = 1 << 1,   /* every service must say it */
    OPTION_RELOADS = 1 << 2,    /* a reload changes it */
    OPTION_FILE_ONLY = 1 << 3,  /* not for the command line */
    OPTION_OWN = 1 << 4,        /* not for [defaults] */
    OPTION_OF_LISTEN = 1 << 5,  /* of the leg that faces the client */
    OPTION_OF_CONNECT = 1 << 6, /* of the leg that faces the server */
    OPTION_TLS = 1 << 7,        /* means something on a TLS leg only */
    OPTION_UNIX = 1 << 8,       /* on a leg with a unix path only */
    OPTION_INET = 1 << 9,       /* on a leg with HOST:PORT only */
};

struct option_word {
    const char *word;       /* NULL ends the list */
    unsigned value;
};

struct option {
    const char *name;       /* in full: "listen.cert" */
    enum option_scope scope;
    enum option_type type;
    unsigned flags;
    size_t offset;          /* of the field in the scope's struct */
    const char *value;      /* the default as one would write it; NULL: unset */
    uint64_t min, max;      /* of numbers, durations (ms) and sizes (bytes) */
    const char *zero;       /* the word for 0, which min and max do not bind */
    const struct option_word *words;
    const char *help;       /* one line */
    const char *details;    /* what a manual adds; NULL: nothing */
};

size_t config_option_count(void);
const struct option *config_option_at(size_t index);
size_t config_option_index(const struct option *option);

/* NULL: no such option in this scope. */
const struct option *config_option_find(enum option_scope scope,
    const char *name);

struct origin;

/* Where an option was written, by the table of its scope's struct.  NULL: it has
 * its default, or there is no such option or table. */
const struct origin *config_option_origin(const struct origin *origins,
    enum option_scope scope, const char *name);

/* The name without "listen." or "connect." in front. */
const char *config_option_leg_name(const struct option *option);

/* The option's field; `base` is the struct of its scope. */
static inline void *
config_option_field(const struct option *option, void *base)
{
    return (char *)base + option->offset;
}

#endif
