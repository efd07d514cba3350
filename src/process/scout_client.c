#include "process/scout_client.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "process/channel.h"
#include "process/message.h"
#include "process/scout.h"

enum { PATIENCE_MS = 10000 };

struct scout_client {
    struct loop *loop;
    struct resolver *resolver;
    struct channel *channel; /* NULL: nobody to ask */
    void (*lost)(void *arg);
    void *arg;
};

static void
ask(void *arg, uint32_t question, const char *host)
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
        client->lost(client->arg);
}

static void
on_message(void *arg, const struct message *message, const int *fds)
{
    const struct message_resolved *resolved = message->payload;
    struct scout_client *client = arg;
    struct resolver_reply reply;

    (void)fds; /* none comes with it */
    if (message->type != MESSAGE_RESOLVED)
        return;
    reply = (struct resolver_reply){
        .result = (enum resolver_result)resolved->result,
        .addresses = message_addresses(message),
        .count = resolved->count,
        .ttl_s = resolved->ttl_s,
    };
    resolver_reply(client->resolver, resolved->query, &reply);
}

static void
on_ended(void *arg, const char *why)
{
    struct scout_client *client = arg;

    log_debug(NULL, "scout %s", why);
    channel_free(client->channel);
    client->channel = NULL;
}

struct scout_client *
scout_client_new(struct loop *loop, void (*lost)(void *arg), void *arg)
{
    struct scout_client *client = calloc(1, sizeof(*client));
    struct resolver_source source = {
        .ask = ask,
        .arg = client,
        .patience_ms = PATIENCE_MS,
    };

    if (client == NULL)
        return NULL;
    client->loop = loop;
    client->lost = lost;
    client->arg = arg;
    client->resolver = resolver_new(loop, &source);
    if (client->resolver == NULL) {
        free(client);
        return NULL;
    }
    return client;
}

void
scout_client_free(struct scout_client *client)
{
    if (client == NULL)
        return;
    channel_free(client->channel);
    resolver_free(client->resolver);
    free(client);
}

void
scout_client_connect(struct scout_client *client, int fd)
{
    struct channel *channel = channel_new(client->loop->base, fd, ROLE_WORKER,
        ROLE_SCOUT, on_message, on_ended, client);

    if (channel == NULL) {
        log_error(NULL, "the scout cannot be heard: out of memory");
        close(fd);
        return;
    }
    channel_free(client->channel);
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
