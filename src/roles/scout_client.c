#include "roles/scout_client.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "ipc/channel.h"
#include "ipc/message.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "net/timer.h"
#include "roles/scout.h"

/* The scout has the cache: what is kept here saves a busy worker the way to it,
 * and is never far behind. */
enum {
    PATIENCE_MS = 10000,
    WAIT_MS = 1000,
    TTL_LEAST_MS = 100,
    TTL_MOST_MS = 1000,
    TELL_EVERY_MS = 1000,
};

struct scout_client {
    struct loop *loop;
    struct resolver *resolver;
    struct channel *channel; /* NULL: there is no scout */
    struct timer told; /* is set since `lost` ran */
    bool asked;         /* meanwhile */
    void (*lost)(void *arg);
    void *arg;
};

/* The master takes it for an offence if it hears that without end. */
static void
tell_lost(struct scout_client *client)
{
    client->asked = timer_is_set(&client->told);
    if (client->asked)
        return;
    timer_set(&client->told, TELL_EVERY_MS);
    client->lost(client->arg);
}

static void
on_told(void *arg)
{
    struct scout_client *client = arg;

    if (client->asked && client->channel == NULL)
        tell_lost(client);
}

static void
ask_scout(void *arg, uint32_t question, const char *host)
{
    static const struct resolver_reply unknown = {
        .result = RESOLVER_UNKNOWN,
        .why = "it is not a host name",
    };
    const struct message_resolve resolve = { .query = question };
    struct scout_client *client = arg;

    /* An address with a zone that no interface has comes here, too. */
    if (!scout_knows_form(host))
        resolver_reply(client->resolver, question, &unknown);
    else if (client->channel != NULL)
        channel_send(client->channel, MESSAGE_RESOLVE, &resolve, host,
            strlen(host), NULL, 0);
    else
        tell_lost(client);
}

static void
on_resolved_message(void *arg, const struct message *message, const int *fds)
{
    const struct message_resolved *resolved = message->payload;
    const struct scout_client *client = arg;
    const struct resolver_reply reply = {
        .result = (enum resolver_result)resolved->result,
        .addresses = message_addresses(message),
        .count = resolved->count,
        .ttl_ms = resolved->ttl_ms,
    };

    (void)fds;
    resolver_reply(client->resolver, resolved->query, &reply);
}

static channel_message_fn *const handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_RESOLVED] = on_resolved_message,
};

static void
on_scout_channel_ended(void *arg, const char *why)
{
    struct scout_client *client = arg;

    log_debug(NULL, "scout %s", why);
    channel_free_in(client->channel, client->loop);
    client->channel = NULL;
}

struct scout_client *
scout_client_new(struct loop *loop, void (*lost)(void *arg), void *arg)
{
    struct scout_client *client = calloc(1, sizeof(*client));
    struct resolver_source source = {
        .ask = ask_scout,
        .arg = client,
        .patience_ms = PATIENCE_MS,
        .wait_ms = WAIT_MS,
        .ttl_least_ms = TTL_LEAST_MS,
        .ttl_most_ms = TTL_MOST_MS,
    };

    if (client == NULL)
        return NULL;
    client->loop = loop;
    client->lost = lost;
    client->arg = arg;
    if (timer_open(&client->told, loop->base, on_told, client))
        client->resolver = resolver_new(loop, &source);
    if (client->resolver != NULL)
        return client;
    timer_close(&client->told);
    free(client);
    return NULL;
}

void
scout_client_free(struct scout_client *client)
{
    if (client == NULL)
        return;
    channel_free(client->channel);
    timer_close(&client->told);
    resolver_free(client->resolver);
    free(client);
}

void
scout_client_connect(struct scout_client *client, int fd)
{
    struct channel *channel = channel_new(client->loop->base, fd, ROLE_WORKER,
        ROLE_SCOUT, handlers, on_scout_channel_ended, client);

    if (channel == NULL) {
        log_error(NULL, "cannot open the channel to the scout: out of memory");
        close(fd);
        return;
    }
    channel_free_in(client->channel, client->loop);
    client->channel = channel;
    resolver_ask_again(client->resolver);
}

bool
scout_client_is_connected(const struct scout_client *client)
{
    return client->channel != NULL;
}

struct resolver *
scout_client_resolver(const struct scout_client *client)
{
    return client->resolver;
}
