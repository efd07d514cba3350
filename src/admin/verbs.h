/*
 * The table of verbs: what can be asked of a daemon that runs, over its control
 * socket.  The command line, its help, the parser of requests and the judging of
 * messages read the rows.
 *
 * A new one is a word, a row and a handler, in roles/admin.c or in
 * master/requests.c, as the row says.
 */
#ifndef ADMIN_VERBS_H
#define ADMIN_VERBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

enum verb {
    VERB_STATUS,
    VERB_RELOAD,
    VERB_UPGRADE,
    VERB_DRAIN,
    VERB_VERSION,
    VERB_CERTS,
    VERB_COUNT,
};

enum verb_answerer {
    VERB_BY_ADMIN,  /* at once, from what the process itself knows */
    VERB_BY_MASTER, /* the admin passes requests and answers on */
};

struct verb_info {
    const char *name;
    const char *argument; /* "SERVICE": the name of one follows; NULL: none */
    bool has_json;        /* "json" may follow; --json on the command line */
    enum verb_answerer answers;

    /* How long the command line waits for an answer, and (0: without end) the
     * admin for the master's, until it answers without. */
    uint64_t patience_ms;
    uint64_t master_ms;

    const char *help; /* a line of `sallyport help`; NULL: no command of its own */
    const char *text; /* what `sallyport help VERB` adds, as help is not NULL */
    const char *example; /* a line with its newline, likewise */
};

const struct verb_info *verbs_info(enum verb verb);

/* False: there is none of that name, which has `length` bytes. */
NODISCARD bool verbs_find(const char *name, size_t length, enum verb *verb);

#endif
