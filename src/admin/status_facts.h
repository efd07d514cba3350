/*
 * What `status` tells that only the master knows, and its form on the way to
 * the admin: lines of "key value".
 */
#ifndef ADMIN_STATUS_FACTS_H
#define ADMIN_STATUS_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

enum status_reload { RELOAD_NONE, RELOAD_DONE, RELOAD_FAILED };

struct status_facts {
    char version[64];
    char config[512];   /* the main file; "": none */
    uint64_t pid;       /* the master's */
    uint64_t started_ms; /* clock_now_ms() */
    uint64_t generation; /* in force */
    uint64_t workers;    /* wanted */
    char sandbox[16];    /* as in the configuration that it started with */
    char not_enforced[512]; /* what the system cannot; "": nothing */
    char certs[512];     /* that end soon or have ended; "": none */
    char certs_fault[512]; /* why changed ones are not in force; "": they are */
    char certs_left_out[512]; /* files that cannot be used; "": none */
    enum status_reload reload; /* how the last one ended */
    uint64_t reload_s;         /* when, by the calendar (time(2)) */
    char reload_text[512];     /* its first fault, or what it came to */
};

/* Room for every facts as text. */
enum { STATUS_FACTS_SIZE = 7 << 10 };

/* Copies text into a field of facts; what does not fit ends with "...". */
#define STATUS_FACTS_SET(field, text) \
    status_facts_set((field), sizeof(field), (text))
void status_facts_set(char *field, size_t size, const char *text);

/* Returns the length of the text. */
size_t status_facts_format(
    const struct status_facts *facts, char text[STATUS_FACTS_SIZE]);

/* False: not in order, `*facts` is undefined.  Keys that are not known are
 * skipped, those that are missing are 0 or "".  Every text in the result is
 * printable ASCII. */
NODISCARD bool status_facts_parse(
    struct status_facts *facts, const char *text, size_t length);

#endif
