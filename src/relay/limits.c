#include "relay/limits.h"

#include "base/log.h"
#include "config/config.h"
#include "net/listener.h"
#include "relay/relay.h"
#include "relay/service.h"

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
    for_each_listener(service, paused ? listener_pause : listener_resume);
}

static void
update_all(struct relay *relay)
{
    bool paused = relay->connections >= relay->max_connections;

    if (paused == relay->paused)
        return;
    relay->paused = paused;
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
