#include "relay/conn_state.h"

#include <stdio.h>
#include <string.h>

#include "base/base.h"

const char *
conn_state_name(enum conn_state state)
{
    static const char *const names[] = {
        [CONN_START] = "start",
        [CONN_ACCEPT_TLS] = "accept-tls",
        [CONN_CONNECT] = "connect",
        [CONN_CONNECT_TLS] = "connect-tls",
        [CONN_RELAY] = "relay",
        [CONN_ABORT] = "abort",
        [CONN_LINGER] = "linger",
    };

    _Static_assert(COUNT(names) == CONN_STATE_COUNT, "every state has a name");
    return names[state];
}

void
conn_explain(struct conn *conn, const char *detail)
{
    if (conn->detail == NULL && detail != NULL)
        conn->detail = strdup(detail);
}

static const char *
side_of(const struct conn *conn, const struct stream *stream)
{
    return stream == &conn->client ? "client" : "server";
}

void
conn_explain_side(
    struct conn *conn, const struct stream *stream, const char *what)
{
    char text[600];

    snprintf(
        text, sizeof(text), "with the %s: %s", side_of(conn, stream), what);
    conn_explain(conn, text);
}

void
conn_keep_address(union conn_address *kept, const struct sockaddr *address,
    socklen_t length)
{
    if (length > sizeof(*kept))
        length = sizeof(kept->family); /* unix: its path is not kept */
    memcpy(kept, address, length);
}
