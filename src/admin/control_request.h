/*
 * What a client of the control socket asks: one line, "status", "status json",
 * "reload", "upgrade" or "drain NAME".
 */
#ifndef ADMIN_CONTROL_REQUEST_H
#define ADMIN_CONTROL_REQUEST_H

#include <stddef.h>

#include "base/base.h"

enum {
    CONTROL_LINE_MAX = 512, /* bytes, with the newline */
    CONTROL_NAME_MAX = 40,  /* of a service: SERVICE_NAME_MAX */
};

enum control_verb {
    CONTROL_STATUS,
    CONTROL_STATUS_JSON,
    CONTROL_RELOAD,
    CONTROL_UPGRADE,
    CONTROL_DRAIN,
    CONTROL_VERB_COUNT,
};

struct control_request {
    enum control_verb verb;
    char name[CONTROL_NAME_MAX + 1]; /* of CONTROL_DRAIN; else "" */
};

enum control_verdict { CONTROL_DONE, CONTROL_MORE, CONTROL_BAD };

/* Judges all that a client has sent so far.  Words are separated by one blank,
 * and nothing may follow the newline. */
NODISCARD enum control_verdict control_request_parse(
    const void *data, size_t length, struct control_request *out);

#endif
