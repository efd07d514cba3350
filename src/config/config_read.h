/*
 * Configuration files as written: sections and assignments with their places,
 * names checked, values not yet looked at.
 */
#ifndef CONFIG_CONFIG_READ_H
#define CONFIG_CONFIG_READ_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "config/config.h"
#include "config/config_title.h"

struct error;
struct option;

struct assignment {
    const struct option *option;
    char *value;
    struct origin origin;
    bool bad;           /* its value was refused and reported */
};

struct section {
    enum section_kind kind;
    char *title;        /* "service web" */
    const char *name;   /* "web", within the title; "" if no service */
    struct origin origin;
    const char *directory;  /* that relative paths start from; borrowed */
    struct assignment *items;
    size_t count;
    bool faulty;        /* not all of it was understood: what is missing from
                           it, or looks odd, follows from that */
};

/* Zero-initialise before use. */
struct config_source {
    struct section *sections;
    size_t count;
};

/* A file to be read; all of it is borrowed and must outlive the source. */
struct source_file {
    const char *name;
    const char *directory;  /* NULL: relative paths are left as they are */
    const char *text;
    size_t length;
    unsigned number;        /* as the files were read, from 1 */
    bool included;          /* holds [service] sections only */
};

/* Adds what the file says to `source` and every fault to `error`. */
void config_read(struct config_source *source, const struct source_file *file,
    struct error *error);
void config_read_free(struct config_source *source);

/* Builds a source by hand.  NULL, false: out of memory, reported. */
NODISCARD struct section *config_read_add_section(
    struct config_source *source, enum section_kind kind, const char *title,
    const struct origin *origin, struct error *error);
NODISCARD bool config_read_add(struct section *section,
    const struct option *option, const char *value,
    const struct origin *origin, struct error *error);

#endif
