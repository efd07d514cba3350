/*
 * What `sallyport status` prints: the scoreboard in words, as a table to read or as
 * JSON.
 */
#ifndef ADMIN_STATUS_H
#define ADMIN_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

struct scoreboard;
struct evbuffer;
struct status_facts;

struct status {
    const struct scoreboard *board;
    const struct status_facts *facts; /* NULL: the master did not answer */
    const char *(*kind_name)(int kind); /* of a slot of the scoreboard */
    uint64_t now_ms;                    /* clock_now_ms() */
};

/* Both are printable ASCII and newlines, whatever a service is called.
 * False: out of memory. */
NODISCARD bool status_text(const struct status *status, struct evbuffer *out);
NODISCARD bool status_json(const struct status *status, struct evbuffer *out);

#endif
