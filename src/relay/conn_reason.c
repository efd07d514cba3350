#include "relay/conn_reason.h"

const char *
conn_reason_name(enum conn_reason reason)
{
    static const char *const names[] = {
        [CONN_CLIENT_CLOSED] = "client-closed",
        [CONN_SERVER_CLOSED] = "server-closed",
        [CONN_RESET_BY_CLIENT] = "reset-by-client",
        [CONN_RESET_BY_SERVER] = "reset-by-server",
        [CONN_TRUNCATED] = "truncated",
        [CONN_HANDSHAKE_FAILED] = "handshake-failed",
        [CONN_HANDSHAKE_TIMEOUT] = "handshake-timeout",
        [CONN_TLS_FAILED] = "tls-failed",
        [CONN_CONNECT_REFUSED] = "connect-refused",
        [CONN_CONNECT_TIMEOUT] = "connect-timeout",
        [CONN_CONNECT_UNREACHABLE] = "connect-unreachable",
        [CONN_RESOLVE_FAILED] = "resolve-failed",
        [CONN_OUT_OF_RESOURCES] = "out-of-resources",
        [CONN_IDLE_TIMEOUT] = "idle-timeout",
        [CONN_HALF_CLOSE_TIMEOUT] = "half-close-timeout",
        [CONN_LIFETIME] = "lifetime",
        [CONN_NO_PROGRESS] = "no-progress",
        [CONN_NO_SERVICE] = "no-service",
        [CONN_SERVICE_FULL] = "service-full",
        [CONN_SHUTDOWN] = "shutdown",
    };

    return names[reason];
}

bool
conn_reason_is_failure(enum conn_reason reason)
{
    return reason != CONN_CLIENT_CLOSED && reason != CONN_SERVER_CLOSED;
}
