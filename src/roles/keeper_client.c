#include "roles/keeper_client.h"

#include <sys/queue.h>

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "ipc/channel.h"
#include "ipc/message.h"
#include "ipc/sign_batch.h"
#include "net/loop.h"
#include "net/timer.h"
#include "tls/tls_signer.h"

enum { PATIENCE_MS = 1000 };

struct keeper_client {
    struct tls_signer signer; /* first: that is how it is found again */
    struct loop *loop;
    struct channel *channel; /* NULL: nobody to ask */
    TAILQ_HEAD(, tls_signing) signings; /* not answered, in the order of
                                         * asking */
    struct tls_signing *unasked; /* the first of those that wait for their turn;
                                  * NULL: none */
    unsigned asked;             /* that the keeper has to answer */
    uint32_t last_number;
    struct loop_task task;      /* asks, when the turn is over */
    struct sign_batch batch;
    struct timer timer;         /* while there is no keeper */
    void (*lost)(void *arg);
    void *arg;
};

_Static_assert(offsetof(struct keeper_client, signer) == 0, "see client_of()");

static struct keeper_client *
keeper_client_of(struct tls_signer *signer)
{
    return (struct keeper_client *)signer;
}

static void
send_batch(struct keeper_client *client)
{
    struct sign_batch *batch = &client->batch;

    if (batch->count > 0)
        channel_send(client->channel, MESSAGE_SIGN, NULL, batch->bytes,
            batch->length, NULL, 0);
    sign_batch_clear(batch);
}

static void
ask_keeper(struct keeper_client *client, const struct tls_signing *signing)
{
    const struct tls_sign_request *request = &signing->request;
    const struct message_sign sign = {
        .number = signing->number,
        .length = (uint32_t)request->length,
        .scheme = request->scheme,
        .digest = request->digest,
        .key = request->key,
    };

    if (sign_batch_add_sign(&client->batch, &sign, request->bytes))
        return;
    send_batch(client);
    (void)!sign_batch_add_sign(&client->batch, &sign, request->bytes);
}

static void
await_keeper(struct keeper_client *client)
{
    if (!TAILQ_EMPTY(&client->signings) && !timer_is_set(&client->timer))
        timer_set(&client->timer, PATIENCE_MS);
}

static void
on_patience_over(void *arg)
{
    struct keeper_client *client = arg;

    if (client->channel != NULL || TAILQ_EMPTY(&client->signings))
        return;
    await_keeper(client);
    client->lost(client->arg);
}

/* As many as may be asked now, of all that came up in this turn. */
static void
ask_more(void *arg)
{
    struct keeper_client *client = arg;

    if (client->channel == NULL) {
        await_keeper(client);
        return;
    }
    while (client->unasked != NULL &&
        client->asked < KEEPER_CLIENT_ASKED_MAX) {
        ask_keeper(client, client->unasked);
        client->asked++;
        client->unasked = TAILQ_NEXT(client->unasked, entry);
    }
    send_batch(client);
}

static void
take_out(struct keeper_client *client, struct tls_signing *signing)
{
    if (client->unasked == signing)
        client->unasked = TAILQ_NEXT(signing, entry);
    TAILQ_REMOVE(&client->signings, signing, entry);
}

/* The number tells a late answer from one to a later question. */
static void
start_signing(struct tls_signer *signer, struct tls_signing *signing)
{
    struct keeper_client *client = keeper_client_of(signer);

    signing->number = ++client->last_number;
    TAILQ_INSERT_TAIL(&client->signings, signing, entry);
    if (client->unasked == NULL)
        client->unasked = signing;
    loop_conclude(client->loop, &client->task);
}

/* If it was asked, the keeper still has to get through it. */
static void
cancel_signing(struct tls_signer *signer, struct tls_signing *signing)
{
    take_out(keeper_client_of(signer), signing);
}

/* Answers come in the order of the questions: what is looked for is near. */
static void
take_answer(
    struct keeper_client *client, const struct message_signed *answer)
{
    struct tls_signing *signing = TAILQ_FIRST(&client->signings);

    if (client->asked == 0)
        return;
    client->asked--;
    while (signing != NULL && signing->number != answer->number)
        signing = TAILQ_NEXT(signing, entry);
    if (signing == NULL)
        return; /* it was cancelled meanwhile */
    take_out(client, signing);
    tls_signing_answer(
        signing, (const unsigned char *)(answer + 1), answer->length);
}

static void
on_signed_message(void *arg, const struct message *message, const int *fds)
{
    const struct message_signed *answer;
    struct keeper_client *client = arg;
    size_t at = 0;

    (void)fds;
    while ((answer = sign_batch_signed(message, &at)) != NULL)
        take_answer(client, answer);
    if (client->unasked != NULL)
        loop_conclude(client->loop, &client->task);
}

static channel_message_fn *const handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_SIGNED] = on_signed_message,
};

static void
on_keeper_channel_ended(void *arg, const char *why)
{
    struct keeper_client *client = arg;

    log_debug(NULL, "keeper %s", why);
    channel_free_in(client->channel, client->loop);
    client->channel = NULL;
    await_keeper(client);
}

struct keeper_client *
keeper_client_new(struct loop *loop, void (*lost)(void *arg), void *arg)
{
    struct keeper_client *client = calloc(1, sizeof(*client));

    if (client == NULL)
        return NULL;
    client->signer =
        (struct tls_signer){ .start = start_signing, .cancel = cancel_signing };
    client->loop = loop;
    client->task = (struct loop_task){ .run = ask_more, .arg = client };
    tls_jobs_init(&client->signer.jobs);
    TAILQ_INIT(&client->signings);
    client->lost = lost;
    client->arg = arg;
    if (timer_open(&client->timer, loop->base, on_patience_over, client))
        return client;
    free(client);
    return NULL;
}

void
keeper_client_free(struct keeper_client *client)
{
    if (client == NULL)
        return;
    loop_cancel(client->loop, &client->task);
    channel_free(client->channel);
    timer_close(&client->timer);
    tls_jobs_clear(&client->signer.jobs);
    free(client);
}

void
keeper_client_connect(struct keeper_client *client, int fd)
{
    struct channel *channel = channel_new(client->loop->base, fd, ROLE_WORKER,
        ROLE_KEEPER, handlers, on_keeper_channel_ended, client);

    if (channel == NULL) {
        log_error(NULL, "cannot open the channel to the keeper: out of memory");
        close(fd);
        return;
    }
    channel_free_in(client->channel, client->loop);
    client->channel = channel;
    client->unasked = TAILQ_FIRST(&client->signings);
    client->asked = 0;
    loop_conclude(client->loop, &client->task);
}

struct tls_signer *
keeper_client_signer(struct keeper_client *client)
{
    return &client->signer;
}
