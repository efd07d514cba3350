#include "net/connector_result.h"

#include <errno.h>

const char *
connector_result_text(enum connector_result result)
{
    static const char *const texts[] = {
        [CONNECTOR_CONNECTED] = "connected",
        [CONNECTOR_REFUSED] = "refused",
        [CONNECTOR_TIMEOUT] = "no answer",
        [CONNECTOR_UNREACHABLE] = "unreachable",
        [CONNECTOR_FORBIDDEN] = "permission denied",
        [CONNECTOR_UNRESOLVED] = "name not resolved",
        [CONNECTOR_EXHAUSTED] = "no descriptor or memory left here",
        [CONNECTOR_PORTLESS] = "no local port left",
        [CONNECTOR_SELF] = "no server, the socket was connected to itself",
        [CONNECTOR_RETURNS] = "leads back to this service",
        [CONNECTOR_OVERTAKEN] = "no answer yet when another accepted",
    };

    return texts[result];
}

enum connector_result
connector_result_of(int error)
{
    switch (error) {
    case ECONNREFUSED:
    case ENOENT: /* a unix path that is not there */
    case ECONNRESET: /* accepted, and dropped at once */
    case EPIPE:      /* the same, after a FIN */
        return CONNECTOR_REFUSED;
    case ETIMEDOUT:
    case EAGAIN: /* a unix backlog that stays full */
        return CONNECTOR_TIMEOUT;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
        return CONNECTOR_EXHAUSTED;
    case EADDRNOTAVAIL: /* connect(2) */
        return CONNECTOR_PORTLESS;
    case EACCES:
    case EPERM:
        return CONNECTOR_FORBIDDEN;
    default:
        return CONNECTOR_UNREACHABLE;
    }
}
