#include "relay/conn_report.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "relay/relay.h"
#include "relay/service.h"
#include "tls/tls_identity.h"
#include "tls/tls_stream.h"

enum { FIELDS_MAX = 32 };

struct report {
    struct log_field fields[FIELDS_MAX];
    size_t count;
};

static void
add_text_field(struct report *report, const char *key, const char *value)
{
    if (value != NULL && value[0] != '\0')
        report->fields[report->count++] =
            (struct log_field)LOG_STRING(key, value);
}

static void
add_number(struct report *report, const char *key, uint64_t value)
{
    report->fields[report->count++] = (struct log_field)LOG_NUMBER(key, value);
}

static const char *
format_address(
    const union conn_address *address, char text[ADDRESS_TEXT_SIZE])
{
    if (address->family == 0)
        return NULL;
    if (address->family == AF_UNIX)
        return "unix:";
    return address_format(&address->address, sizeof(*address), text);
}

/* Where the server's address is not known, or has no name of its own, what the
 * configuration calls it. */
const char *
conn_report_server(const struct conn *conn, char text[ADDRESS_TEXT_SIZE])
{
    sa_family_t family = conn->server_address.family;

    if (conn->endpoint != NULL && (family == 0 || family == AF_UNIX))
        return conn->endpoint->text;
    return format_address(&conn->server_address, text);
}

struct leg_keys {
    const char *version, *cipher, *sni, *alpn, *resumed;
    const char *peer, *peer_san, *peer_serial;
    const char *peer_verified; /* NULL: it always is */
    const char *allow;
};

/* The texts of one leg's fields, until they are logged. */
struct leg_texts {
    struct tls_facts facts;
    struct tls_identity peer;
};

static void
add_tls(struct report *report, const struct stream *stream,
    const struct leg_keys *keys, struct leg_texts *texts)
{
    struct tls_facts *facts = &texts->facts;

    if (!tls_stream_facts(stream, facts))
        return;
    add_text_field(report, keys->version, facts->version);
    add_text_field(report, keys->cipher, facts->cipher);
    add_text_field(report, keys->sni, facts->sni);
    add_text_field(report, keys->alpn, facts->alpn);
    add_text_field(report, keys->resumed, facts->resumed ? "yes" : "no");
}

static void
add_peer(struct report *report, const struct stream *stream,
    const struct leg_keys *keys, struct leg_texts *texts)
{
    static const char *const extents[] = {
        [TLS_VERIFIED_NOT] = "no",
        [TLS_VERIFIED_KEY] = "pin",
        [TLS_VERIFIED_CHAIN] = NULL,
    };
    struct tls_identity *peer = &texts->peer;
    enum tls_verified verified;

    if (!tls_stream_peer(stream, peer, &verified))
        return;
    add_text_field(report, keys->peer, peer->subject);
    add_text_field(report, keys->peer_serial, peer->serial);
    add_text_field(report, keys->peer_san, peer->names);
    if (keys->peer_verified != NULL)
        add_text_field(report, keys->peer_verified, extents[verified]);
    add_text_field(report, keys->allow, tls_stream_rule(stream));
}

void
conn_report_state(const struct conn *conn, enum conn_state next)
{
    char text[ADDRESS_TEXT_SIZE];

    if (!log_wants(LOG_LEVEL_DEBUG))
        return;
    log_debug(conn->service->config->name, "%s: %s -> %s",
        format_address(&conn->client_address, text),
        conn_state_name(conn->state), conn_state_name(next));
}

/* Whether a server is left out of the line unless it is named among those that
 * failed. */
static bool
has_other_failures(const struct conn *conn)
{
    return conn->failures > 1 ||
        (conn->failures == 1 && conn->reached != CONN_CONNECT);
}

static bool
is_summed_up(const struct conn *conn)
{
    struct service *service = conn->service;

    return service->config->log_handshake_noise == HANDSHAKE_NOISE_SUMMARY &&
        handshake_noise_is(conn->cause) && !conn_failed_with_server(conn) &&
        !handshake_noise_admit(&service->handshake_noise,
            conn->relay->loop->base, service->config->name, conn->cause);
}

static bool
is_asked_for(const struct conn *conn)
{
    switch (conn->service->config->log_connections) {
    case LOG_CONNECTIONS_ALL:
        return true;
    case LOG_CONNECTIONS_FAILED:
        return conn_reason_is_failure(conn->reason);
    case LOG_CONNECTIONS_NONE:
        break;
    }
    return false;
}

/* A server that cannot be reached concerns the operator, what a client does
 * wrong as a rule does not. */
static enum log_level
level_of_end(const struct conn *conn)
{
    return conn_is_connect_failure(conn) &&
            connect_warnings_admit(&conn->service->connect_warnings,
                conn->relay->loop->base, conn->service->config->name)
        ? LOG_LEVEL_WARN
        : LOG_LEVEL_INFO;
}

/* What is of any length by a peer's choice comes last. */
static void
add_legs(struct report *report, const struct conn *conn,
    struct leg_texts *listen_texts, struct leg_texts *connect_texts)
{
    static const struct leg_keys listen_keys = {
        "listen_tls", "listen_cipher", "listen_sni", "listen_alpn",
        "listen_resumed", "listen_peer", "listen_peer_san",
        "listen_peer_serial", NULL, "listen_allow",
    };
    static const struct leg_keys connect_keys = {
        "connect_tls", "connect_cipher", "connect_sni", "connect_alpn",
        "connect_resumed", "connect_peer", "connect_peer_san",
        "connect_peer_serial", "connect_peer_verified", "connect_allow",
    };

    add_tls(report, &conn->client, &listen_keys, listen_texts);
    add_tls(report, &conn->server, &connect_keys, connect_texts);
    add_peer(report, &conn->client, &listen_keys, listen_texts);
    add_peer(report, &conn->server, &connect_keys, connect_texts);
}

void
conn_report_end(const struct conn *conn)
{
    struct report report = { .count = 0 };
    struct leg_texts listen_texts, connect_texts;
    char client[ADDRESS_TEXT_SIZE], server[ADDRESS_TEXT_SIZE];
    enum log_level level;

    if (!is_asked_for(conn) || is_summed_up(conn))
        return;
    level = level_of_end(conn);
    if (!log_wants(level))
        return;
    add_text_field(&report, "service", conn->service->config->name);
    add_text_field(&report, "reason", conn_reason_name(conn->reason));
    add_text_field(&report, "cause", tls_cause_name(conn->cause));
    add_text_field(&report, "detail", conn->detail);
    add_text_field(&report, "client",
        format_address(&conn->client_address, client));
    add_text_field(&report, "server", conn_report_server(conn, server));
    if (has_other_failures(conn))
        add_text_field(&report, "failed", conn->failed);
    add_number(&report, "up", conn->up.bytes);
    add_number(&report, "down", conn->down.bytes);
    add_number(&report, "duration_ms", clock_now_ms() - conn->started_ms);
    add_text_field(&report, "state", conn_state_name(conn->reached));
    add_legs(&report, conn, &listen_texts, &connect_texts);
    log_event(level, "end", report.fields, report.count);
}
