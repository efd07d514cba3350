/*
 * What a client of the control socket asks: one line, the name of a verb (verbs.h)
 * and, where its row says so, a service or the word json.
 */
#ifndef ADMIN_CONTROL_REQUEST_H
#define ADMIN_CONTROL_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "admin/verbs.h"
#include "base/base.h"

enum {
    CONTROL_LINE_MAX = 512, /* bytes, with the newline */
    CONTROL_NAME_MAX = 40,  /* of a service: SERVICE_NAME_MAX */
};

struct control_request {
    enum verb verb;
    bool json;
    char name[CONTROL_NAME_MAX + 1]; /* the argument of the verb; "": it has none */
};

enum control_verdict { CONTROL_DONE, CONTROL_MORE, CONTROL_BAD };

/* Judges all that a client has sent so far.  Words are separated by one blank,
 * and nothing may follow the newline. */
NODISCARD enum control_verdict control_request_parse(
    const void *data, size_t length, struct control_request *out);

/* The one line that asks so; false: `name` is none of a service. */
NODISCARD bool control_request_format(const struct control_request *request,
    char line[CONTROL_LINE_MAX + 1]);

#endif
