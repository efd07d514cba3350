#include "process/worker.h"

#include <event2/event.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/board.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "config/config.h"
#include "net/listener_bind.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "process/message.h"
#include "process/worker_memory.h"
#include "process/worker_names.h"
#include "relay/conn.h"
#include "relay/door.h"
#include "relay/relay.h"
#include "relay/service.h"

/* The log, epoll, the resolver's sockets, libraries. */
enum { SPARE_DESCRIPTORS = 64 };

enum worker_signal { ON_TERM, ON_INT, ON_HUP, ON_USR1, SIGNAL_COUNT };

/* A listening socket, and what it is for. */
struct bound {
    struct listener_socket socket;
    size_t service;
    bool tls;
};

/* Where a socket goes that is being bound. */
struct binding {
    struct worker *worker;
    size_t service;
    bool tls;
};

struct worker {
    struct config *config;
    struct relay relay;
    struct bound *bound; /* every listening socket */
    size_t bound_count;
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
on_bound(void *arg, const struct listener_socket *socket)
{
    const struct binding *binding = arg;
    struct worker *worker = binding->worker;
    struct bound *grown = reallocarray(
        worker->bound, worker->bound_count + 1, sizeof(*grown));

    if (grown == NULL)
        return false;
    worker->bound = grown;
    worker->bound[worker->bound_count++] =
        (struct bound){ *socket, binding->service, binding->tls };
    return true;
}

static bool
bind_service(struct worker *worker, size_t index, struct error *error)
{
    const struct service_config *config = &worker->config->services[index];
    size_t before = error->count + error->dropped;
    bool ok = true;

    for (size_t i = 0; i < config->listen.count; i++) {
        const struct endpoint *endpoint = &config->listen.items[i];
        struct binding binding = { worker, index, endpoint->tls };

        if (!listener_bind(config->name, endpoint, &config->listen_leg,
                on_bound, &binding, error))
            ok = false;
    }
    if (!ok && error->count + error->dropped == before)
        error_add(error, "[service %s] out of memory", config->name);
    return ok;
}

static bool
bind_all(struct worker *worker, struct error *error)
{
    bool ok = true;

    for (size_t i = 0; i < worker->config->service_count; i++)
        if (!bind_service(worker, i, error))
            ok = false;
    return ok;
}

/* Whoever waits in the queues of the sockets is reset. */
static void
unbind_all(struct worker *worker)
{
    door_close_all(&worker->relay, false);
    while (worker->bound_count > 0)
        listener_socket_close(&worker->bound[--worker->bound_count].socket);
    free(worker->bound);
    worker->bound = NULL;
}

static void
stop_if_idle(struct worker *worker)
{
    if (worker->relay.draining && worker->relay.connections == 0)
        loop_stop(worker->relay.loop);
}

static void
on_began(void *arg)
{
    struct worker *worker = arg;

    worker_memory_note(&worker->memory, worker->relay.connections);
}

static void
on_ended(void *arg)
{
    struct worker *worker = arg;

    worker_memory_note(&worker->memory, worker->relay.connections);
    stop_if_idle(worker);
}

static bool
prepare_board(struct worker *worker)
{
    const struct config *config = worker->config;
    struct board *board = board_new();

    if (board == NULL)
        return false;
    worker->relay.board = board;
    worker->relay.slot = board_slot_take(board, ROLE_WORKER, 0);
    board_slot_set_pid(board, worker->relay.slot, (int)getpid());
    for (size_t i = 0; i < config->service_count; i++)
        (void)board_service_index(board, config->services[i].name);
    return true;
}

static bool
prepare(struct worker *worker, struct error *error)
{
    struct relay *relay = &worker->relay;

    if (!prepare_board(worker)) {
        error_add(error, "out of memory");
        return false;
    }
    relay->services = services_new(&(struct services_spec){
        .config = worker->config, .board = relay->board }, error);
    if (relay->services == NULL)
        return false;
    relay->service_count = worker->config->service_count;
    relay->loop = loop_new();
    if (relay->loop == NULL) {
        error_add(error, "cannot make an event loop: %s", strerror(errno));
        return false;
    }
    relay->resolver = resolver_new(relay->loop, error);
    return relay->resolver != NULL && raise_limit(worker, error) &&
        bind_all(worker, error) &&
        worker_names_check(
            relay->loop, relay->resolver, worker->config, error);
}

struct worker *
worker_new(struct config *config, struct error *error)
{
    struct worker *worker = calloc(1, sizeof(*worker));

    if (worker == NULL) {
        error_add(error, "out of memory");
        return NULL;
    }
    worker->config = config_ref(config);
    worker->relay.max_connections = config->global.max_connections;
    worker->relay.drain_timeout_ms = config->global.drain_timeout_ms;
    worker->relay.began = on_began;
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
    unbind_all(worker);
    conn_end_all(&worker->relay);
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        if (worker->signals[i] != NULL)
            event_free(worker->signals[i]);
    if (worker->drain_timer != NULL)
        event_free(worker->drain_timer);
    worker_memory_stop(&worker->memory);
    pipe_pool_clear(&worker->relay.pipes);
    resolver_free(worker->relay.resolver);
    services_free(worker->relay.services, worker->relay.service_count);
    loop_free(worker->relay.loop);
    board_free(worker->relay.board);
    config_unref(worker->config);
    free(worker);
}

static bool
open_doors(struct worker *worker)
{
    struct relay *relay = &worker->relay;

    for (size_t i = 0; i < worker->bound_count; i++) {
        struct bound *bound = &worker->bound[i];
        struct service *service = relay->services[bound->service];

        if (door_open(relay, i, bound->socket.fd, bound->socket.text,
                bound->tls, service) == NULL)
            return false;
        bound->socket.fd = -1; /* the door's */
        log_info(service->config->name, "listening on %s%s",
            bound->socket.text, bound->tls ? " with TLS" : "");
    }
    return true;
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
    unbind_all(worker);
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
    if (!watch_events(worker) || !open_doors(worker)) {
        log_error(NULL, "cannot begin to accept: out of memory");
        return;
    }
    log_info(NULL, "ready");
    loop_run(worker->relay.loop);
    log_info(NULL, "stopped");
}
