#include "relay/limits.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "net/listener.h"
#include "relay/relay.h"
#include "relay/service.h"

/* A service at its limit comes and goes many times a second. */
enum { LOG_EVERY_MS = 10000 };

static void
log_limit(struct relay *relay, const char *service, size_t most)
{
    uint64_t now_ms = clock_now_ms();

    if (relay->limit_logged_ms != 0 &&
        now_ms - relay->limit_logged_ms < LOG_EVERY_MS)
        return;
    relay->limit_logged_ms = now_ms;
    log_warn(service,
        "max_connections = %zu is reached: more clients wait until a "
        "connection ends",
        most);
}

static void
for_each_listener(struct service *service, void (*act)(struct listener *))
{
    for (size_t i = 0; i < service->plain_listeners.count; i++)
        act(service->plain_listeners.items[i]);
    for (size_t i = 0; i < service->tls_listeners.count; i++)
        act(service->tls_listeners.items[i]);
}

static void
update(struct relay *relay, struct service *service)
{
    unsigned most = service->config->max_connections;
    bool paused =
        relay->paused || (most > 0 && service->connections >= most);

    if (relay->draining || paused == service->paused)
        return;
    service->paused = paused;
    if (paused && !relay->paused)
        log_limit(relay, service->config->name, most);
    for_each_listener(service, paused ? listener_pause : listener_resume);
}

static void
update_all(struct relay *relay)
{
    bool paused = relay->connections >= relay->max_connections;

    if (paused == relay->paused)
        return;
    relay->paused = paused;
    if (paused)
        log_limit(relay, NULL, relay->max_connections);
    for (size_t i = 0; i < relay->service_count; i++)
        update(relay, relay->services[i]);
}

void
limits_enter(struct relay *relay, struct service *service)
{
    relay->connections++;
    service->connections++;
    update_all(relay);
    update(relay, service);
}

void
limits_leave(struct relay *relay, struct service *service)
{
    relay->connections--;
    service->connections--;
    update_all(relay);
    update(relay, service);
}
