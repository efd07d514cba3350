#include "relay/probe.h"

#include <event2/event.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "net/connector.h"
#include "net/loop.h"
#include "net/names_check.h"
#include "net/resolver.h"
#include "net/stream.h"
#include "net/timer.h"
#include "relay/handshake_step.h"
#include "relay/service.h"
#include "tls/tls_handshake.h"
#include "tls/tls_stream.h"

enum { REFUSAL_MS = 500 };

enum probe_state {
    PROBE_CONNECTS,
    PROBE_SHAKES,
    PROBE_LISTENS, /* for a refusal behind the handshake */
};

struct probe {
    struct probe_spec spec;
    struct probe **handle;
    enum probe_state state;
    struct service_config service; /* with this server alone */
    struct endpoint *endpoint;
    struct connector *connector;
    struct stream stream;
    struct timer timer;
    struct loop_task task;
    struct probe_report report;
};

void
probe_cancel(struct probe *probe)
{
    if (probe == NULL)
        return;
    connector_cancel(probe->connector);
    timer_close(&probe->timer);
    loop_cancel(probe->spec.loop, &probe->task);
    stream_free(&probe->stream);
    *probe->handle = NULL;
    free(probe);
}

/* Frees the probe.  Comes last. */
static void
finish_probe(struct probe *probe, enum probe_result result)
{
    probe_done_fn *done = probe->spec.done;
    struct probe_report report = probe->report;
    void *arg = probe->spec.arg;

    report.result = result;
    probe_cancel(probe);
    done(arg, &report);
}

static void
fail_probe(struct probe *probe, const char *why)
{
    snprintf(probe->report.why, sizeof(probe->report.why), "%s", why);
    finish_probe(probe, PROBE_FAILED);
}

/* After the connector's own look: what its resolver remembers is told at once. */
static void
on_looked_up(void *arg, enum resolver_result result,
    const struct address *addresses, size_t count)
{
    (void)addresses;
    (void)count;
    *(enum resolver_result *)arg = result;
}

static enum probe_result
judge_name(const struct probe *probe)
{
    enum resolver_result result = RESOLVER_FAILED;
    struct resolver_query *query;

    resolver_start(probe->spec.resolver, probe->endpoint->host, on_looked_up,
        &result, &query);
    resolver_cancel(query);
    return result == RESOLVER_UNKNOWN ? PROBE_NO_HOST : PROBE_UNRESOLVED;
}

static bool
is_by_name(const struct probe *probe)
{
    return names_check_is_name(probe->endpoint);
}

/* connector_spec.failed */
static void
on_address_failed(void *arg, enum connector_result result,
    const struct endpoint *endpoint, const struct address *address)
{
    struct probe *probe = arg;
    char text[PROBE_ADDRESS_SIZE] = "";

    if (result == CONNECTOR_OVERTAKEN || result == CONNECTOR_UNRESOLVED)
        return;
    if (is_by_name(probe))
        probe_report_address(address, text);
    probe_report_add_failure(&probe->report, text, result, endpoint);
}

static void
note_handshake(struct probe *probe)
{
    struct probe_report *report = &probe->report;
    struct tls_facts facts;

    report->tls = tls_stream_facts(&probe->stream, &facts);
    if (!report->tls)
        return;
    snprintf(report->version, sizeof(report->version), "%s", facts.version);
    memcpy(report->alpn, facts.alpn, sizeof(report->alpn));
    report->lacks_cert = facts.lacks_cert;
    report->shown = tls_peer_cert_read(&probe->stream, &report->cert);
}

/* Says goodbye as one that has nothing to say. */
static void
finish_good(struct probe *probe)
{
    (void)!stream_finish(&probe->stream);
    finish_probe(probe, PROBE_GOOD);
}

/* The server knows by now whether it takes our certificate, and says so if it does
 * not; until TLS 1.2 that was part of the handshake. */
static void
listen_for_refusal(struct probe *probe)
{
    note_handshake(probe);
    if (strcmp(probe->report.version, "TLSv1.3") != 0) {
        finish_good(probe);
        return;
    }
    probe->state = PROBE_LISTENS;
    timer_set(&probe->timer, REFUSAL_MS);
    loop_line_up(probe->spec.loop, &probe->task);
}

static void
go_on_shaking(struct probe *probe)
{
    enum stream_status status =
        handshake_step(&probe->stream, probe->spec.loop, &probe->task);
    const char *why = handshake_step_failure(&probe->stream);

    if (status == STREAM_OK) {
        listen_for_refusal(probe);
    } else if (status != STREAM_AGAIN) {
        (void)!stream_flush(&probe->stream); /* the alert */
        fail_probe(probe, why);
    }
}

/* A server that speaks first has nothing against us. */
static void
go_on_listening(struct probe *probe)
{
    struct stream *stream = &probe->stream;
    enum stream_status flushed = stream_flush(stream);
    size_t got;
    char byte;

    switch (stream_read(stream, &byte, sizeof(byte), &got)) {
    case STREAM_OK:
        finish_good(probe);
        break;
    case STREAM_AGAIN:
        if (stream_has_input(stream))
            loop_line_up(probe->spec.loop, &probe->task);
        stream_watch(stream, (short)(EV_READ |
            (flushed == STREAM_AGAIN ? EV_WRITE : 0)));
        break;
    case STREAM_END:
    case STREAM_TRUNCATED:
        fail_probe(probe, "the server ended the connection right behind the "
            "handshake");
        break;
    case STREAM_RESET:
    case STREAM_FAILED:
        fail_probe(probe, handshake_step_failure(stream));
        break;
    }
}

static void
advance_probe(void *arg)
{
    struct probe *probe = arg;

    loop_cancel(probe->spec.loop, &probe->task);
    if (probe->state == PROBE_SHAKES)
        go_on_shaking(probe);
    else if (probe->state == PROBE_LISTENS)
        go_on_listening(probe);
}

/* event_callback_fn */
static void
on_probe_socket(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    advance_probe(arg);
}

static void
on_probe_timer(void *arg)
{
    struct probe *probe = arg;

    if (probe->state == PROBE_LISTENS)
        finish_good(probe);
    else
        fail_probe(probe, "no TLS within timeout.handshake");
}

static void
begin_handshake(struct probe *probe)
{
    struct tls_peer peer;

    service_peer_of(probe->spec.service, probe->endpoint, &peer);
    if (!tls_stream_start(&probe->stream, probe->spec.context, &peer)) {
        fail_probe(probe, "TLS cannot be started: out of memory");
        return;
    }
    probe->state = PROBE_SHAKES;
    timer_set(&probe->timer, probe->spec.service->handshake_timeout_ms);
    advance_probe(probe);
}

/* connector_done_fn */
static void
on_probe_connected(void *arg, enum connector_result result, int fd,
    const struct endpoint *endpoint, const struct address *address)
{
    struct probe *probe = arg;

    if (result == CONNECTOR_UNRESOLVED) {
        finish_probe(probe, judge_name(probe));
        return;
    }
    if (result != CONNECTOR_CONNECTED) {
        finish_probe(probe, PROBE_FAILED);
        return;
    }
    connector_cancel(probe->connector); /* with the other addresses */
    if (is_by_name(probe))
        probe_report_address(address, probe->report.address);
    stream_open(
        &probe->stream, probe->spec.loop, fd, on_probe_socket, probe);
    if (endpoint->kind != ENDPOINT_UNIX)
        stream_set_connected(&probe->stream);
    if (endpoint->tls)
        begin_handshake(probe);
    else
        finish_good(probe);
}

static void
begin_connecting(struct probe *probe)
{
    const struct connector_spec spec = {
        .loop = probe->spec.loop,
        .resolver = probe->spec.resolver,
        .memory = probe->spec.memory,
        .service = &probe->service,
        .failed = on_address_failed,
        .done = on_probe_connected,
        .arg = probe,
    };

    connector_start(&spec, &probe->connector);
}

void
probe_start(const struct probe_spec *spec, struct probe **handle)
{
    static const struct probe_report no_memory = {
        .result = PROBE_FAILED, .why = "out of memory",
    };
    struct probe *probe = calloc(1, sizeof(*probe));

    *handle = NULL;
    if (probe == NULL || !timer_open(&probe->timer, spec->loop->base,
            on_probe_timer, probe)) {
        free(probe);
        spec->done(spec->arg, &no_memory);
        return;
    }
    *handle = probe;
    probe->spec = *spec;
    probe->handle = handle;
    probe->endpoint = &spec->service->connect.items[spec->server];
    probe->service = *spec->service;
    probe->service.connect = (struct endpoints){ probe->endpoint, 1 };
    probe->stream = (struct stream)STREAM_NONE;
    probe->task.run = advance_probe;
    probe->task.arg = probe;
    begin_connecting(probe);
}
