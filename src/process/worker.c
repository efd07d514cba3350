#include "process/worker.h"

#include <event2/event.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "config/config.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/resolver_dns.h"
#include "process/names_check.h"
#include "process/worker_memory.h"
#include "relay/conn.h"
#include "relay/relay.h"
#include "relay/service.h"

/* The log, epoll, the resolver's sockets, libraries. */
enum { SPARE_DESCRIPTORS = 64 };

enum worker_signal { ON_TERM, ON_INT, ON_HUP, ON_USR1, SIGNAL_COUNT };

/* A listening socket knows its service and whether it speaks TLS. */
struct door {
    struct worker *worker;
    struct service *service;
    bool tls;
};

struct worker {
    const struct config *config;
    struct relay relay;
    struct resolver_dns *dns;
    struct door *doors; /* two for each service: plain, TLS */
    struct event *signals[SIGNAL_COUNT];
    struct event *drain_timer;
    struct worker_memory memory;
};

/* A name, or `*`, stands for an address of each family. */
static size_t
count_listeners(const struct config *config)
{
    size_t count = 0;

    for (size_t i = 0; i < config->service_count; i++)
        count += 2 * config->services[i].listen.count;
    return count;
}

/* The global limit, or what all services together allow, if that is less. */
static uint64_t
most_connections(const struct config *config)
{
    uint64_t most = config->global.max_connections, sum = 0;

    for (size_t i = 0; i < config->service_count; i++) {
        if (config->services[i].max_connections == 0)
            return most;
        sum += config->services[i].max_connections;
    }
    return sum < most ? sum : most;
}

static bool
raise_limit(const struct worker *worker, struct error *error)
{
    uint64_t most = most_connections(worker->config);
    uint64_t need = 2 * most + count_listeners(worker->config) +
        (uint64_t)2 * PIPE_POOL_MAX + SPARE_DESCRIPTORS;
    uint64_t have;

    if (fd_limit_raise(need, &have))
        return true;
    error_add(error,
        "[global] max_connections = %llu needs %llu file descriptors, but this "
        "process may have %llu; set LimitNOFILE= (ulimit -n) to %llu, or lower "
        "max_connections",
        (unsigned long long)most, (unsigned long long)need,
        (unsigned long long)have, (unsigned long long)need);
    return false;
}

static bool
bind_all(struct worker *worker, struct error *error)
{
    struct relay *relay = &worker->relay;
    bool ok = true;

    for (size_t i = 0; i < relay->service_count; i++)
        if (!service_bind(relay->services[i], error))
            ok = false;
    return ok;
}

static void
stop_if_idle(struct worker *worker)
{
    if (worker->relay.draining && worker->relay.connections == 0)
        loop_stop(worker->relay.loop);
}

static void
on_ended(void *arg)
{
    struct worker *worker = arg;

    worker_memory_note(&worker->memory, worker->relay.connections);
    stop_if_idle(worker);
}

static bool
prepare(struct worker *worker, struct error *error)
{
    struct relay *relay = &worker->relay;

    relay->services = services_new(worker->config, error);
    if (relay->services == NULL)
        return false;
    relay->service_count = worker->config->service_count;
    worker->doors = calloc(relay->service_count, 2 * sizeof(*worker->doors));
    relay->loop = loop_new();
    if (worker->doors == NULL || relay->loop == NULL) {
        error_add(error, "cannot make an event loop: %s", strerror(errno));
        return false;
    }
    worker->dns = resolver_dns_new(relay->loop, error);
    if (worker->dns == NULL)
        return false;
    relay->resolver = resolver_dns_resolver(worker->dns);
    return raise_limit(worker, error) && bind_all(worker, error) &&
        names_check(relay->loop, relay->resolver, worker->config, error);
}

struct worker *
worker_new(const struct config *config, struct error *error)
{
    struct worker *worker = calloc(1, sizeof(*worker));

    if (worker == NULL) {
        error_add(error, "out of memory");
        return NULL;
    }
    worker->config = config;
    worker->relay.max_connections = config->global.max_connections;
    worker->relay.drain_timeout_ms = config->global.drain_timeout_ms;
    worker->relay.ended = on_ended;
    worker->relay.arg = worker;
    if (prepare(worker, error))
        return worker;
    worker_free(worker);
    return NULL;
}

void
worker_free(struct worker *worker)
{
    if (worker == NULL)
        return;
    conn_end_all(&worker->relay);
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        if (worker->signals[i] != NULL)
            event_free(worker->signals[i]);
    if (worker->drain_timer != NULL)
        event_free(worker->drain_timer);
    worker_memory_stop(&worker->memory);
    pipe_pool_clear(&worker->relay.pipes);
    resolver_dns_free(worker->dns);
    services_free(worker->relay.services, worker->relay.service_count);
    loop_free(worker->relay.loop);
    free(worker->doors);
    free(worker);
}

static void
on_accept(void *arg, int fd, const struct sockaddr *peer, socklen_t length)
{
    struct door *door = arg;

    worker_memory_note(
        &door->worker->memory, door->worker->relay.connections + 1);
    conn_start(&door->worker->relay, door->service, door->tls, fd, peer,
        length);
}

static void
open_door(struct worker *worker, struct door *door, struct service *service,
    struct listener_set *set)
{
    *door = (struct door){
        .worker = worker,
        .service = service,
        .tls = set == &service->tls_listeners,
    };
    for (size_t i = 0; i < set->count; i++) {
        listener_start(set->items[i], worker->relay.loop, on_accept, door);
        log_info(service->config->name, "listening on %s%s",
            listener_address(set->items[i]), door->tls ? " with TLS" : "");
    }
}

static void
open_doors(struct worker *worker)
{
    struct relay *relay = &worker->relay;

    for (size_t i = 0; i < relay->service_count; i++) {
        struct service *service = relay->services[i];

        open_door(worker, &worker->doors[2 * i], service,
            &service->plain_listeners);
        open_door(worker, &worker->doors[2 * i + 1], service,
            &service->tls_listeners);
    }
}

static void
end_now(struct worker *worker)
{
    conn_end_all(&worker->relay);
    loop_stop(worker->relay.loop);
}

static void
on_drain_timeout(evutil_socket_t fd, short what, void *arg)
{
    struct worker *worker = arg;

    (void)fd;
    (void)what;
    log_warn(NULL, "drain_timeout is over: ending %zu connections",
        worker->relay.connections);
    end_now(worker);
}

static void
begin_drain(struct worker *worker)
{
    struct relay *relay = &worker->relay;
    uint64_t timeout_ms = worker->config->global.drain_timeout_ms;
    struct timeval timeout = clock_span(timeout_ms);

    relay->draining = true;
    for (size_t i = 0; i < relay->service_count; i++) {
        listener_set_free(&relay->services[i]->plain_listeners);
        listener_set_free(&relay->services[i]->tls_listeners);
    }
    log_info(NULL, "stopping: %zu connections have %llu ms to finish",
        relay->connections, (unsigned long long)timeout_ms);
    event_add(worker->drain_timer, &timeout);
    stop_if_idle(worker);
}

static void
on_stop(evutil_socket_t number, short what, void *arg)
{
    struct worker *worker = arg;

    (void)what;
    if (!worker->relay.draining) {
        begin_drain(worker);
        return;
    }
    log_warn(NULL, "second %s: ending %zu connections now",
        strsignal(number), worker->relay.connections);
    end_now(worker);
}

static void
on_usr1(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    (void)arg;
    log_reopen();
}

static void
on_hup(evutil_socket_t number, short what, void *arg)
{
    (void)number;
    (void)what;
    (void)arg;
    log_warn(NULL, "SIGHUP ignored: the configuration is read at start only");
}

static bool
watch_events(struct worker *worker)
{
    static const struct {
        int number;
        event_callback_fn act;
    } signals[SIGNAL_COUNT] = {
        [ON_TERM] = { SIGTERM, on_stop },
        [ON_INT] = { SIGINT, on_stop },
        [ON_HUP] = { SIGHUP, on_hup },
        [ON_USR1] = { SIGUSR1, on_usr1 },
    };
    struct event_base *base = worker->relay.loop->base;

    /* splice(2) and TLS libraries have no MSG_NOSIGNAL. */
    (void)signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        worker->signals[i] =
            evsignal_new(base, signals[i].number, signals[i].act, worker);
        if (worker->signals[i] == NULL ||
            event_add(worker->signals[i], NULL) < 0)
            return false;
    }
    worker->drain_timer = evtimer_new(base, on_drain_timeout, worker);
    return worker->drain_timer != NULL &&
        worker_memory_start(&worker->memory, base);
}

void
worker_run(struct worker *worker)
{
    if (!watch_events(worker)) {
        log_error(NULL, "cannot watch signals: out of memory");
        return;
    }
    open_doors(worker);
    log_info(NULL, "ready");
    loop_run(worker->relay.loop);
    log_info(NULL, "stopped");
}
