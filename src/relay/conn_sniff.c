#include "relay/conn_sniff.h"

#include <event2/event.h>

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "config/config.h"
#include "config/config_match.h"
#include "proto/client_hello.h"
#include "proto/protocol.h"
#include "relay/acceptor_table.h"
#include "relay/conn_end.h"
#include "relay/conn_sniffed.h"
#include "relay/conn_stats.h"
#include "relay/conn_step.h"
#include "relay/limits.h"
#include "relay/relay.h"
#include "relay/service.h"
#include "relay/share.h"

/* RFC 8446 6.2. */
enum { ALERT_DECODE_ERROR = 50, ALERT_UNRECOGNIZED_NAME = 112 };

static enum match_protocol
match_protocol_of(enum protocol protocol)
{
    switch (protocol) {
    case PROTOCOL_TLS:
        return MATCH_PROTOCOL_TLS;
    case PROTOCOL_HTTP:
        return MATCH_PROTOCOL_HTTP;
    case PROTOCOL_SSH:
        return MATCH_PROTOCOL_SSH;
    case PROTOCOL_POSTGRESQL:
        return MATCH_PROTOCOL_POSTGRESQL;
    case PROTOCOL_RDP:
        return MATCH_PROTOCOL_RDP;
    case PROTOCOL_PROXY:
        return MATCH_PROTOCOL_PROXY;
    default:
        return MATCH_PROTOCOL_OTHER;
    }
}

/* A client that has begun with TLS has the time of a handshake for it, from the
 * beginning of the connection on. */
static void
wait_for_hello(struct conn *conn, size_t wants)
{
    uint64_t since_ms = clock_now_ms() - conn->started_ms;
    uint64_t most_ms = conn->service->config->handshake_timeout_ms;

    if (conn->sniff->wants == 0)
        conn_arm(conn, most_ms > since_ms ? most_ms - since_ms : 0);
    conn->sniff->wants =
        wants < CLIENT_HELLO_INPUT_MAX ? wants : CLIENT_HELLO_INPUT_MAX;
}

/* False: more bytes could say more.  The hello is in the loop's scratch memory. */
static bool
read_hello(struct conn *conn, bool last, struct match_client *client,
    struct client_hello *hello)
{
    struct conn_sniff *sniff = conn->sniff;
    size_t size = buffer_length(&sniff->bytes);
    enum client_hello_verdict verdict;

    client->protocol = MATCH_PROTOCOL_TLS;
    if (size < sniff->wants && !last)
        return false;
    verdict = client_hello_parse(buffer_head(&sniff->bytes), size,
        conn->relay->loop->scratch, hello);
    if (verdict == CLIENT_HELLO_DONE)
        match_client_hello(client, hello);
    if (verdict != CLIENT_HELLO_MORE || last || size >= CLIENT_HELLO_INPUT_MAX)
        return true;
    wait_for_hello(conn, hello->input);
    return false;
}

/* `last`: it will say nothing more, or too late.  False: more bytes could say
 * more. */
static bool
read_client(struct conn *conn, bool last, struct match_client *client,
    struct client_hello *hello)
{
    const struct buffer *bytes = &conn->sniff->bytes;
    size_t size = buffer_length(bytes);
    enum protocol protocol;

    if (size == 0)
        return last || !conn->sniff->share->table.reads;
    protocol = protocol_of(buffer_head(bytes), size);
    if (protocol == PROTOCOL_TLS)
        return read_hello(conn, last, client, hello);
    client->protocol = match_protocol_of(protocol);
    return last || !protocol_may_become(buffer_head(bytes), size);
}

static struct address
address_of_client(const struct conn *conn)
{
    struct address from = { .length = 0 };

    if (conn->client_address.family == AF_INET)
        from.length = sizeof(struct sockaddr_in);
    else if (conn->client_address.family == AF_INET6)
        from.length = sizeof(struct sockaddr_in6);
    memcpy(&from.storage, &conn->client_address, from.length);
    return from;
}

static void
send_alert(struct conn *conn, uint8_t description)
{
    const uint8_t record[] = { 21, 3, 3, 0, 2, 2, description };

    (void)!stream_write(&conn->client, record, sizeof(record));
}

/* Quotes what the client says, for the log. */
static void
explain_refusal(struct conn *conn, const struct match_client *client,
    const struct client_hello *hello)
{
    char text[CLIENT_HELLO_NAME_MAX + 100];

    if (client->hello != NULL)
        snprintf(text, sizeof(text), "no service of this address is for a TLS "
            "client that asks for %s", client->name[0] != '\0' ? client->name
            : "no name");
    else if (client->protocol == MATCH_PROTOCOL_TLS)
        snprintf(text, sizeof(text), "no service of this address is for a TLS "
            "client with %s", hello->fault != NULL ? hello->fault
            : "half a hello");
    else if (client->protocol == MATCH_PROTOCOL_ANY)
        snprintf(text, sizeof(text), "no service of this address is for a "
            "client that says nothing within timeout.sniff");
    else
        snprintf(text, sizeof(text), "no service of this address is for a "
            "client that speaks %s",
            config_match_protocol_name(client->protocol));
    conn_explain(conn, text);
}

/* A close is no reset: the client has to learn that it was heard, and the alert
 * that stands before it has to arrive. */
static void
refuse_client(struct conn *conn, const struct match_client *client,
    const struct client_hello *hello)
{
    explain_refusal(conn, client, hello);
    if (client->protocol == MATCH_PROTOCOL_TLS) {
        conn->cause = client->hello != NULL ? TLS_CAUSE_UNKNOWN_NAME
                                            : TLS_CAUSE_PROTOCOL_ERROR;
        send_alert(conn, client->hello != NULL ? ALERT_UNRECOGNIZED_NAME
                                               : ALERT_DECODE_ERROR);
    }
    conn_linger(conn, &conn->client, CONN_NO_SERVICE);
}

static void
refuse_drained(struct conn *conn)
{
    conn_explain(conn, "the service is drained");
    conn_linger(conn, &conn->client, CONN_NO_SERVICE);
}

static void
change_service(struct conn *conn, struct service *service)
{
    struct service *before = conn->service;

    conn->service = service_ref(service);
    service->connections++;
    before->connections--;
    service_unref(before);
}

/* The client goes on as one of the service. */
static void
give_to_service(struct conn *conn, struct service *service, bool tls)
{
    bool accepted = conn->sniff->accepted, kept;

    if (!limits_choose(conn->relay, service)) {
        change_service(conn, service);
        conn_end(conn, CONN_SERVICE_FULL);
        return;
    }
    change_service(conn, service);
    if (!accepted)
        conn_stats_choose(conn);
    kept = stream_put_back(&conn->client, &conn->sniff->bytes);
    conn_sniff_clear(conn);
    if (kept)
        conn_enter(conn, tls ? CONN_ACCEPT_TLS : CONN_CONNECT);
    else
        conn_end(conn, CONN_OUT_OF_RESOURCES);
}

/* Most often a port scan or a health check.  A server that speaks first may have an
 * answer for it all the same. */
static bool
is_over(const struct conn *conn, const struct share_member *member)
{
    return conn->sniff->ended && buffer_length(&conn->sniff->bytes) == 0 &&
        (member == NULL || member->tls);
}

static void
decide_service(struct conn *conn, bool last)
{
    struct share *share = conn->sniff->share;
    struct match_client client = { .protocol = MATCH_PROTOCOL_ANY,
        .from = address_of_client(conn) };
    const struct share_member *member;
    struct client_hello hello = { 0 };
    int which;

    if (!read_client(conn, last, &client, &hello))
        return;
    which = match_table_choose(&share->table, &client);
    member = which != MATCH_NOBODY ? &share->members[which] : NULL;
    if (is_over(conn, member))
        conn_end(conn, CONN_CLIENT_CLOSED);
    else if (member == NULL)
        refuse_client(conn, &client, &hello);
    else if (member->drained)
        refuse_drained(conn);
    else
        give_to_service(conn, member->service, member->tls);
}

/* After a reload what is active now decides, where the address is still there.
 * False: it is one service's alone, which has the client. */
static bool
follow_share(struct conn *conn)
{
    struct relay *relay = conn->relay;
    const struct acceptor *acceptor;
    const struct share *before = conn->sniff->share;

    if (conn->changes == relay->changes)
        return true;
    conn->changes = relay->changes;
    acceptor = acceptor_find(relay, conn->acceptor);
    if (acceptor == NULL || acceptor->share == before)
        return true;
    if (acceptor->share == NULL) {
        give_to_service(conn, acceptor_service(acceptor), acceptor->tls);
        return false;
    }
    conn_sniff_change(conn, acceptor->share);
    change_service(conn, share_home(acceptor->share));
    return true;
}

/* False: the connection has ended. */
static bool
read_first_bytes(struct conn *conn)
{
    struct conn_sniff *sniff = conn->sniff;
    uint8_t *scratch = conn->relay->loop->scratch;
    size_t room = CLIENT_HELLO_INPUT_MAX - buffer_length(&sniff->bytes), got;
    enum stream_status status =
        stream_receive(&conn->client, scratch, room, &got);

    if (status == STREAM_RESET) {
        conn_end(conn, CONN_RESET_BY_CLIENT);
        return false;
    }
    if (status == STREAM_OK && !buffer_append(&sniff->bytes, scratch, got)) {
        conn_end(conn, CONN_OUT_OF_RESOURCES);
        return false;
    }
    sniff->ended = status == STREAM_END;
    return true;
}

void
conn_sniff_enter(struct conn *conn)
{
    if (!conn->sniff->share->table.reads) {
        decide_service(conn, true);
        return;
    }
    conn_arm(conn, conn->sniff->share->sniff_ms);
    stream_watch(&conn->client, EV_READ);
}

void
conn_sniff_wake(struct conn *conn)
{
    if (follow_share(conn) && read_first_bytes(conn))
        decide_service(conn, conn->sniff->ended);
}

void
conn_sniff_expire(struct conn *conn)
{
    if (!follow_share(conn))
        return;
    if (conn->sniff->wants == 0) {
        decide_service(conn, true);
        return;
    }
    conn->cause = TLS_CAUSE_TIMEOUT;
    conn_explain(conn, "with the client");
    conn_end(conn, CONN_HANDSHAKE_TIMEOUT);
}
