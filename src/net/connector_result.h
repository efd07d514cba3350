/*
 * What comes of connecting to a server.
 */
#ifndef NET_CONNECTOR_RESULT_H
#define NET_CONNECTOR_RESULT_H

#include <stdbool.h>

enum connector_result {
    CONNECTOR_CONNECTED,
    CONNECTOR_REFUSED,
    CONNECTOR_TIMEOUT,
    CONNECTOR_UNREACHABLE,
    CONNECTOR_FORBIDDEN, /* this process lacks the right to */
    CONNECTOR_UNRESOLVED,
    CONNECTOR_EXHAUSTED, /* out of descriptors or memory here */
    CONNECTOR_PORTLESS,  /* no local port was free for this address */
    CONNECTOR_SELF,      /* the socket was connected to itself */
    CONNECTOR_RETURNS,   /* the address is a listener of ours */
    CONNECTOR_OVERTAKEN, /* silent, while another address accepted */
};

/* What went wrong, in a few words for the log. */
const char *connector_result_text(enum connector_result result);

/* What those words leave out, and what may be done; `is_unix`: of a unix socket.
 * NULL: they say all. */
const char *connector_result_detail(
    enum connector_result result, bool is_unix);

/* Of the errno of socket(2), connect(2) or SO_ERROR. */
enum connector_result connector_result_of(int error);

#endif
