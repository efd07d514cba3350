#include "net/connector_result.h"

#include <errno.h>
#include <stddef.h>

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

const char *
connector_result_detail(enum connector_result result, bool is_unix)
{
    switch (result) {
    case CONNECTOR_FORBIDDEN:
        return is_unix
            ? "permission denied: the account that `user` names may not write "
              "to the socket, or not enter a folder above it"
            : "permission denied";
    case CONNECTOR_EXHAUSTED:
        return "out of descriptors or memory";
    case CONNECTOR_PORTLESS:
        return "no local port is free for this server: too many connections to "
               "it are open or in TIME_WAIT (net.ipv4.ip_local_port_range)";
    case CONNECTOR_SELF:
        return "no server listens at this port: the socket was connected to "
               "itself (net.ipv4.ip_local_port_range includes the port)";
    case CONNECTOR_RETURNS:
        return "a listener of this daemon has this address, and leads back to "
               "this service";
    default:
        return NULL;
    }
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
