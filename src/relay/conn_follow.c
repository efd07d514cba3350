#include "relay/conn_follow.h"

#include <string.h>

#include "config/config.h"
#include "relay/acceptor_table.h"
#include "relay/conn_sniffed.h"
#include "relay/conn_state.h"
#include "relay/limits.h"
#include "relay/relay.h"
#include "relay/service.h"

static struct service *
find_service_by_name(const struct relay *relay, const char *name)
{
    for (size_t i = 0; i < relay->service_count; i++)
        if (relay->services[i]->accept_context != NULL &&
            strcmp(relay->services[i]->config->name, name) == 0)
            return relay->services[i];
    return NULL;
}

/* NULL: none any more.  An acceptor that goes over from TLS to plain is another
 * one. */
static struct service *
find_active(const struct conn *conn)
{
    struct acceptor *acceptor = acceptor_find(conn->relay, conn->acceptor);

    if (acceptor != NULL && acceptor_is_tls(acceptor))
        return acceptor_service(acceptor);
    return find_service_by_name(conn->relay, conn->service->config->name);
}

/* Nothing of it has been looked at.  False: there is none to share it. */
static bool
follow_into_share(struct conn *conn)
{
    const struct acceptor *acceptor =
        acceptor_find(conn->relay, conn->acceptor);

    if (acceptor == NULL || acceptor->share == NULL ||
        stream_has_input(&conn->client) ||
        !conn_sniff_open(conn, acceptor->share))
        return false;
    conn->sniff->accepted = true;
    limits_unchoose(conn->relay, conn->service->index);
    return true;
}

bool
conn_follow_reload(struct conn *conn)
{
    struct relay *relay = conn->relay;
    struct service *before = conn->service, *now;

    if (conn->changes == relay->changes)
        return true;
    conn->changes = relay->changes;
    if (follow_into_share(conn))
        return false;
    now = find_active(conn);
    if (now == NULL || now == before)
        return true;
    conn->service = service_ref(now);
    now->connections++;
    before->connections--;
    limits_enter(relay, now);
    limits_leave(relay, before->index);
    service_unref(before);
    return true;
}
