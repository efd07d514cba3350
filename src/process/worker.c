#include "process/worker.h"

#include <event2/event.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/board.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "net/loop.h"
#include "process/channel.h"
#include "process/keeper_client.h"
#include "process/log_message.h"
#include "process/pulse.h"
#include "process/scout_client.h"
#include "process/socket_message.h"
#include "process/worker_inbox.h"
#include "process/worker_limit.h"
#include "process/worker_memory.h"
#include "process/worker_plan.h"
#include "relay/conn.h"
#include "relay/door.h"
#include "relay/relay.h"
#include "relay/service.h"

/* For the last words to the master. */
enum { FLUSH_MS = 1000 };

struct worker {
    struct relay relay;
    struct channel *master; /* NULL: it is gone */
    struct scout_client *scout;
    struct keeper_client *keeper; /* NULL: keys are loaded here */
    struct worker_inbox inbox;
    struct worker_plan plan;
    struct worker_memory memory;
    const struct tls_secret *secret;
    struct event *drain_timer;
    struct pulse pulse;
};

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

static void
on_wake(void *arg, unsigned slot)
{
    struct worker *worker = arg;

    worker_inbox_wake(&worker->inbox, slot);
}

static bool
on_hand_over(void *arg, unsigned slot, struct door *door, int fd,
    const struct address *client)
{
    struct worker *worker = arg;

    return worker_inbox_hand_over(&worker->inbox, slot, door, fd, client);
}

static void
end_now(struct worker *worker)
{
    worker->relay.draining = true;
    worker_inbox_end(&worker->inbox);
    door_close_all(&worker->relay, false);
    conn_end_all(&worker->relay);
    stop_if_idle(worker);
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

/* Who is in a queue already is let in: nobody else would do it.  Those in the
 * inbox come first, while their doors are there. */
static void
begin_drain(struct worker *worker, uint64_t timeout_ms)
{
    struct relay *relay = &worker->relay;
    struct timeval timeout = clock_span(timeout_ms);

    board_set_accepting(relay->board, relay->slot, 0);
    if (!relay->draining) {
        worker_inbox_end(&worker->inbox);
        door_close_all(relay, true);
    }
    relay->draining = true;
    if (timeout_ms != MESSAGE_NO_LIMIT)
        event_add(worker->drain_timer, &timeout);
    stop_if_idle(worker);
}

static void
drain_service(struct worker *worker, const char *name)
{
    struct relay *relay = &worker->relay;
    struct door *next;

    worker_plan_drain(&worker->plan, name);
    for (struct door *door = relay->doors; door != NULL; door = next) {
        next = door_next(door);
        if (strcmp(door_service(door)->config->name, name) == 0)
            door_close(door, true);
    }
}

/* Messages from the master. */

static void
hear_bundle(struct worker *worker, const struct message *message, int fd)
{
    const struct message_generation *fixed = message->payload;

    worker_plan_begin(&worker->plan, fixed->generation, fd);
}

static void
hear_socket(struct worker *worker, const struct message *message, int fd)
{
    const struct message_socket *fixed = message->payload;
    struct planned_socket planned = {
        .id = fixed->id,
        .serve = fixed->serve != 0,
    };

    if (socket_message_read(message, fd, &planned.socket, &planned.use))
        worker_plan_add(&worker->plan, &planned);
    else
        close(fd);
}

/* The trial has said all that there is to warn of. */
static bool
prepare_quietly(struct worker *worker, struct error *error)
{
    struct tls_signer *signer = worker->keeper != NULL
        ? keeper_client_signer(worker->keeper)
        : NULL;
    bool ok;

    log_hush(true);
    ok = worker_plan_prepare(
        &worker->plan, &worker->relay, worker->secret, signer, error);
    log_hush(false);
    return ok;
}

/* The master has done so for workers that it starts; for those that are there
 * it may lack the right: prlimit(2) asks for CAP_SYS_RESOURCE, which containers
 * do without. */
static void
raise_limit(const struct config *config)
{
    worker_limit_share(config, worker_limit_workers(config), NULL);
}

static void
hear_prepare(struct worker *worker, const struct message *message, int fd)
{
    const struct message_generation *fixed = message->payload;
    struct message_verdict verdict = { .generation = fixed->generation };
    struct error error = { 0 };

    (void)fd;
    verdict.ok = worker->plan.generation == fixed->generation &&
        prepare_quietly(worker, &error);
    if (verdict.ok)
        raise_limit(worker->plan.config);
    for (size_t i = 0; i < error.count; i++)
        channel_send(worker->master, MESSAGE_FAULT, NULL, error.messages[i],
            strlen(error.messages[i]), NULL, 0);
    if (!verdict.ok)
        worker_plan_clear(&worker->plan);
    error_clear(&error);
    channel_send(worker->master, MESSAGE_PREPARED, &verdict, NULL, 0, NULL, 0);
}

/* What others have sent for doors that go is let in before they do; what they
 * sent to the worker before this one, when there are doors. */
static void
hear_switch(struct worker *worker, const struct message *message, int fd)
{
    const struct message_generation *fixed = message->payload;

    (void)fd;
    if (worker->plan.generation != fixed->generation ||
        worker->plan.services == NULL || worker->relay.draining)
        return;
    board_set_accepting(worker->relay.board, worker->relay.slot, 0);
    if (worker->relay.services != NULL)
        worker_inbox_empty(&worker->inbox);
    worker_plan_switch(&worker->plan, &worker->relay);
    if (!worker_inbox_watch(&worker->inbox))
        log_error(NULL, "cannot take connections from others: out of memory");
    channel_send(
        worker->master, MESSAGE_SWITCHED, fixed, NULL, 0, NULL, 0);
}

static void
hear_cancel(struct worker *worker, const struct message *message, int fd)
{
    const struct message_generation *fixed = message->payload;

    (void)fd;
    if (worker->plan.generation == fixed->generation)
        worker_plan_clear(&worker->plan);
}

static void
hear_inbox(struct worker *worker, const struct message *message, int fd)
{
    const struct message_inbox *fixed = message->payload;

    if (fixed->active == 0) {
        close(fd);
        fd = -1;
    }
    worker_inbox_introduce(&worker->inbox, fixed->slot, fd);
}

static void
hear_log(struct worker *worker, const struct message *message, int fd)
{
    (void)worker;
    log_message_adopt(ROLE_WORKER, message, fd);
}

static void
hear_drain(struct worker *worker, const struct message *message, int fd)
{
    const struct message_drain *fixed = message->payload;

    (void)fd;
    if (message->text_length > 0) {
        drain_service(worker, message->text);
        return;
    }
    begin_drain(worker, fixed->timeout_ms);
    if (fixed->generation != 0)
        channel_send(worker->master, MESSAGE_SWITCHED,
            &(struct message_generation){ fixed->generation }, NULL, 0, NULL,
            0);
}

static void
hear_end(struct worker *worker, const struct message *message, int fd)
{
    (void)message;
    (void)fd;
    end_now(worker);
}

static void
hear_keeper(struct worker *worker, const struct message *message, int fd)
{
    (void)message;
    if (worker->keeper != NULL)
        keeper_client_connect(worker->keeper, fd);
    else
        close(fd);
}

static void
hear_scout(struct worker *worker, const struct message *message, int fd)
{
    (void)message;
    scout_client_connect(worker->scout, fd);
}

/* Takes the descriptor, -1 for those that come without. */
static void (*const hear[MESSAGE_TYPE_COUNT])(
    struct worker *, const struct message *, int fd) = {
    [MESSAGE_BUNDLE] = hear_bundle,
    [MESSAGE_SOCKET] = hear_socket,
    [MESSAGE_PREPARE] = hear_prepare,
    [MESSAGE_SWITCH] = hear_switch,
    [MESSAGE_CANCEL] = hear_cancel,
    [MESSAGE_INBOX] = hear_inbox,
    [MESSAGE_LOG] = hear_log,
    [MESSAGE_DRAIN] = hear_drain,
    [MESSAGE_END] = hear_end,
    [MESSAGE_SCOUT] = hear_scout,
    [MESSAGE_KEEPER] = hear_keeper,
};

static void
on_message(void *arg, const struct message *message, const int *fds)
{
    hear[message->type](arg, message, fds[0]);
}

/* Without it nobody would ever tell us to stop. */
static void
on_master_gone(void *arg, const char *why)
{
    struct worker *worker = arg;

    log_error(NULL, "the master %s: finishing %zu connections", why,
        worker->relay.connections);
    channel_free(worker->master);
    worker->master = NULL;
    begin_drain(worker, MESSAGE_NO_LIMIT);
}

static void
on_log_lost(void *arg)
{
    struct worker *worker = arg;

    if (worker->master != NULL)
        channel_send(
            worker->master, MESSAGE_LOG_LOST, NULL, NULL, 0, NULL, 0);
}

static void
on_keeper_lost(void *arg)
{
    struct worker *worker = arg;

    if (worker->master != NULL)
        channel_send(
            worker->master, MESSAGE_KEEPER_LOST, NULL, NULL, 0, NULL, 0);
}

/* As long as the master has no scout it has nothing to answer. */
static void
on_scout_lost(void *arg)
{
    struct worker *worker = arg;

    if (worker->master != NULL)
        channel_send(
            worker->master, MESSAGE_SCOUT_LOST, NULL, NULL, 0, NULL, 0);
}

static bool
set_up(struct worker *worker, const struct worker_seed *seed, unsigned slot,
    int fd)
{
    struct relay *relay = &worker->relay;
    const struct pulse_seed pulse = {
        .board = seed->board,
        .slot = slot,
        .every_ms = seed->pulse_ms,
    };

    relay->board = seed->board;
    relay->slot = slot;
    relay->began = on_began;
    relay->ended = on_ended;
    relay->wake = on_wake;
    relay->hand_over = on_hand_over;
    relay->arg = worker;
    worker->secret = seed->secret;
    worker->plan.bundle_fd = -1;
    relay->loop = loop_new();
    if (relay->loop == NULL)
        return false;
    relay->loop->exhausted_shared_ms =
        board_notice(relay->board, BOARD_NOTICE_EXHAUSTED);
    worker->scout = scout_client_new(relay->loop, on_scout_lost, worker);
    if (worker->scout == NULL)
        return false;
    relay->resolver = scout_client_resolver(worker->scout);
    if (seed->keeps_no_keys) {
        worker->keeper = keeper_client_new(relay->loop, on_keeper_lost, worker);
        if (worker->keeper == NULL)
            return false;
    }
    worker->master = channel_new(relay->loop->base, fd, ROLE_WORKER,
        ROLE_MASTER, on_message, on_master_gone, worker);
    worker->drain_timer =
        evtimer_new(relay->loop->base, on_drain_timeout, worker);
    return worker->master != NULL && worker->drain_timer != NULL &&
        worker_inbox_open(&worker->inbox, relay, seed->inbox_fd) &&
        worker_memory_start(&worker->memory, relay->loop->base) &&
        pulse_start(&worker->pulse, relay->loop->base, &pulse);
}

static void
tear_down(struct worker *worker)
{
    struct relay *relay = &worker->relay;

    door_close_all(relay, false);
    conn_end_all(relay);
    worker_plan_clear(&worker->plan);
    if (relay->services != NULL)
        services_free(relay->services, relay->service_count);
    worker_inbox_close(&worker->inbox);
    if (worker->drain_timer != NULL)
        event_free(worker->drain_timer);
    worker_memory_stop(&worker->memory);
    pulse_stop(&worker->pulse);
    pipe_pool_clear(&relay->pipes);
    log_on_lost(NULL, NULL);
    channel_free(worker->master);
    scout_client_free(worker->scout);
    keeper_client_free(worker->keeper);
    loop_free(relay->loop);
    free(worker);
}

/* All in one place on the heap, so that nothing of it moves. */
int
worker_run(void *seed, unsigned slot, int fd)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    static const struct message_drain drained = { 0 };
    int code = EXIT_FAILURE;

    if (worker == NULL)
        return code;
    if (set_up(worker, seed, slot, fd)) {
        log_on_lost(on_log_lost, worker);
        channel_send(worker->master, MESSAGE_READY, NULL, NULL, 0, NULL, 0);
        loop_run(worker->relay.loop);
        code = EXIT_SUCCESS;
        if (worker->master != NULL) {
            channel_send(worker->master, MESSAGE_DRAINED, &drained, NULL, 0,
                NULL, 0);
            if (!channel_flush(worker->master, FLUSH_MS))
                code = EXIT_FAILURE;
        }
    } else {
        log_error(NULL, "a worker cannot start: out of memory");
    }
    tear_down(worker);
    return code;
}
