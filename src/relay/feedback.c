#include "relay/feedback.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "base/scoreboard.h"
#include "config/config.h"
#include "relay/acceptor_table.h"
#include "relay/feeds.h"
#include "relay/relay.h"
#include "relay/service.h"

/* Adds all that the services in the set feed.  True: there was something new. */
static bool
spread_feeds(const struct relay *relay, struct feeds_set *set, uint64_t now_ms)
{
    bool more = false;

    for (size_t i = 0; i < relay->service_count; i++) {
        struct service *service = relay->services[i];

        if (service->index != SCOREBOARD_ALL &&
            feeds_set_has(set, service->index) &&
            feeds_spread(&service->feeds, set, now_ms))
            more = true;
    }
    return more;
}

static bool
leads_back(const struct relay *relay, struct service *from,
    const struct service *to, uint64_t now_ms)
{
    struct feeds_set set = { { 0 } };
    bool more = feeds_spread(&from->feeds, &set, now_ms);

    while (more)
        more = spread_feeds(relay, &set, now_ms);
    return feeds_set_has(&set, to->index);
}

bool
feedback_is_found(struct relay *relay, struct service *service,
    const struct address *to, const struct address *from)
{
    struct service *reached = acceptor_reached(relay, service, to, from);
    uint64_t now_ms = clock_now_ms();

    if (reached == NULL)
        return false;
    if (reached == service ||
        strcmp(reached->config->name, service->config->name) == 0)
        return true;
    if (service->index == SCOREBOARD_ALL || reached->index == SCOREBOARD_ALL)
        return false;
    if (leads_back(relay, reached, service, now_ms))
        return true;
    feeds_add(&service->feeds, reached->index, now_ms);
    return false;
}
