#include "roles/worker.h"

#include <event2/event.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/number.h"
#include "base/scoreboard.h"
#include "config/config.h"
#include "ipc/channel.h"
#include "net/loop.h"
#include "relay/acceptor.h"
#include "relay/conn.h"
#include "relay/conn_keepalive.h"
#include "relay/limits.h"
#include "relay/limits_handed.h"
#include "relay/relay.h"
#include "relay/service.h"
#include "relay/services.h"
#include "relay/share.h"
#include "roles/heartbeat.h"
#include "roles/keeper_client.h"
#include "roles/log_message.h"
#include "roles/role_title.h"
#include "roles/scout_client.h"
#include "roles/worker_handover.h"
#include "roles/worker_memory.h"
#include "roles/worker_rollout.h"
#include "tls/tls_shared.h"

/* For the last words to the master. */
enum { FLUSH_MS = 1000 };

struct worker {
    struct relay relay;
    struct channel *master; /* NULL: it is gone */
    struct scout_client *scout;
    struct keeper_client *keeper; /* NULL: keys are loaded here */
    struct tls_ticket_secrets *tickets; /* of all services */
    struct worker_handover handover;
    bool emptying; /* the handover, for the last time */
    struct worker_rollout rollout;
    struct worker_memory memory;
    struct timer drain_timer;
    struct heartbeat heartbeat;
};

static bool
is_idle(const struct worker *worker)
{
    return worker->relay.draining && worker->relay.connections == 0;
}

/* The master shuts the handover; without it, another worker may have sent a
 * connection there just before it began to drain as well. */
static void
stop_if_idle(struct worker *worker)
{
    if (is_idle(worker) && worker->master == NULL && !worker->emptying) {
        worker->emptying = true;
        worker_handover_empty(&worker->handover);
        worker->emptying = false;
    }
    if (is_idle(worker))
        loop_stop(worker->relay.loop);
}

static void
on_began(void *arg)
{
    struct worker *worker = arg;

    worker_memory_note(&worker->memory, worker->relay.connections);
}

static void
on_conn_ended(void *arg)
{
    struct worker *worker = arg;

    worker_memory_note(&worker->memory, worker->relay.connections);
    stop_if_idle(worker);
}

static void
on_handover_wake(void *arg, unsigned slot)
{
    struct worker *worker = arg;

    worker_handover_wake(&worker->handover, slot);
}

static bool
on_hand_over(void *arg, unsigned slot, struct acceptor *acceptor, int fd,
    const struct address *client)
{
    struct worker *worker = arg;

    return worker_handover_send(&worker->handover, slot, acceptor, fd, client);
}

static void
end_now(struct worker *worker)
{
    worker->relay.draining = true;
    worker_rollout_give_up(&worker->rollout);
    worker_handover_end(&worker->handover);
    acceptor_close_all(&worker->relay, false);
    conn_end_all(&worker->relay);
    stop_if_idle(worker);
}

static void
on_drain_timeout(void *arg)
{
    struct worker *worker = arg;

    log_warn(NULL, "drain_timeout is over: ending %zu connection%s",
        worker->relay.connections, number_plural(worker->relay.connections));
    end_now(worker);
}

/* Clients in a queue are accepted, as no other worker would.  Those in the
 * handover come first, while their acceptors are there.  The master shuts it
 * before it tells us to drain; if the master is gone it stays open. */
static void
begin_drain(struct worker *worker, uint64_t timeout_ms)
{
    struct relay *relay = &worker->relay;

    scoreboard_set_accepting(relay->board, relay->slot, 0);
    if (!relay->draining) {
        if (worker->master != NULL)
            worker_handover_end(&worker->handover);
        else
            worker_handover_empty(&worker->handover);
        acceptor_close_all(relay, true);
        worker_rollout_give_up(&worker->rollout);
    }
    relay->draining = true;
    role_title_retire();
    if (timeout_ms != MESSAGE_NO_LIMIT)
        timer_set(&worker->drain_timer, timeout_ms);
    stop_if_idle(worker);
}

static void
drain_service_acceptors(struct worker *worker, const char *name)
{
    struct relay *relay = &worker->relay;
    struct acceptor *acceptor = LIST_FIRST(&relay->acceptors), *next;

    worker_rollout_drain(&worker->rollout, name);
    for (; acceptor != NULL; acceptor = next) {
        next = LIST_NEXT(acceptor, entry);
        if (acceptor->share != NULL
                ? share_drain(acceptor->share, name)
                : strcmp(acceptor_service(acceptor)->config->name, name) == 0)
            acceptor_close(acceptor, true);
    }
}

/* Messages from the master. */

static void
on_rollout(void *arg, const struct message *message, const int *fds)
{
    struct worker *worker = arg;

    worker_rollout_dispatch(&worker->rollout, message, fds[0]);
}

static void
say_to_master(void *arg, enum message_type type, const void *fixed,
    const char *text, size_t length)
{
    struct worker *worker = arg;

    if (worker->master != NULL)
        channel_send(worker->master, type, fixed, text, length, NULL, 0);
}

/* What others have sent for acceptors that go is let in before they do; what they
 * sent to the worker before this one, when there are acceptors. */
static void
on_switching(void *arg)
{
    struct worker *worker = arg;
    struct relay *relay = &worker->relay;

    scoreboard_set_accepting(relay->board, relay->slot, 0);
    if (relay->services != NULL)
        worker_handover_empty(&worker->handover);
}

static void
on_switched(void *arg)
{
    struct worker *worker = arg;

    worker_handover_watch(&worker->handover);
}

static const struct worker_rollout_calls rollout_calls = {
    .say = say_to_master,
    .switching = on_switching,
    .switched = on_switched,
};

static void
on_handover(void *arg, const struct message *message, const int *fds)
{
    const struct message_handover *fixed = message->payload;
    struct worker *worker = arg;
    int fd = fds[0];

    switch ((enum message_inbox_state)fixed->state) {
    case INBOX_LEFT:
        worker_handover_read_left(&worker->handover, fd);
        return;
    case INBOX_OPEN:
        worker_handover_introduce(&worker->handover, fixed->slot, fd);
        return;
    default:
        worker_handover_introduce(&worker->handover, fixed->slot, -1);
        close(fd);
    }
}

static void
on_room(void *arg, const struct message *message, const int *fds)
{
    struct worker *worker = arg;

    (void)message;
    (void)fds;
    limits_recheck(&worker->relay);
}

static void
on_drain(void *arg, const struct message *message, const int *fds)
{
    const struct message_drain *fixed = message->payload;
    struct worker *worker = arg;

    (void)fds;
    if (message->text_length > 0) {
        drain_service_acceptors(worker, message->text);
        return;
    }
    begin_drain(worker, fixed->timeout_ms);
    if (fixed->generation != 0) /* others have what is active now */
        conn_pass_silent(
            &worker->relay, worker_handover_pass, &worker->handover);
    if (fixed->generation != 0)
        channel_send(worker->master, MESSAGE_COMMITTED,
            &(struct message_generation){ fixed->generation }, NULL, 0, NULL,
            0);
}

static void
on_end(void *arg, const struct message *message, const int *fds)
{
    (void)message;
    (void)fds;
    end_now(arg);
}

static void
take_tickets(void *arg, const struct message *message, const int *fds)
{
    const struct message_tickets *fixed = message->payload;
    struct worker *worker = arg;

    (void)fds;
    *worker->tickets = fixed->secrets;
}

static void
take_keeper_channel(void *arg, const struct message *message, const int *fds)
{
    struct worker *worker = arg;

    (void)message;
    if (worker->keeper != NULL)
        keeper_client_connect(worker->keeper, fds[0]);
    else
        close(fds[0]);
}

static void
take_scout_channel(void *arg, const struct message *message, const int *fds)
{
    struct worker *worker = arg;

    (void)message;
    scout_client_connect(worker->scout, fds[0]);
}

static channel_message_fn *const handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_BUNDLE] = on_rollout,
    [MESSAGE_SOCKET] = on_rollout,
    [MESSAGE_REBOUND] = on_rollout,
    [MESSAGE_COVER] = on_rollout,
    [MESSAGE_PREPARE] = on_rollout,
    [MESSAGE_COMMIT] = on_rollout,
    [MESSAGE_ABORT] = on_rollout,
    [MESSAGE_HANDOVER] = on_handover,
    [MESSAGE_ROOM] = on_room,
    [MESSAGE_LOG] = log_message_on,
    [MESSAGE_TICKETS] = take_tickets,
    [MESSAGE_DRAIN] = on_drain,
    [MESSAGE_END] = on_end,
    [MESSAGE_SCOUT] = take_scout_channel,
    [MESSAGE_KEEPER] = take_keeper_channel,
};

/* Drains: without the master no message to stop would ever come. */
static void
on_master_gone(void *arg, const char *why)
{
    struct worker *worker = arg;

    log_error(NULL, "the master %s: finishing %zu connection%s", why,
        worker->relay.connections, number_plural(worker->relay.connections));
    heartbeat_stop(&worker->heartbeat);
    channel_free(worker->master);
    worker->master = NULL;
    begin_drain(worker, MESSAGE_NO_LIMIT);
}

static void
report_keeper_lost(void *arg)
{
    say_to_master(arg, MESSAGE_KEEPER_LOST, NULL, NULL, 0);
}

/* As long as the master has no scout it has nothing to answer. */
static void
report_scout_lost(void *arg)
{
    say_to_master(arg, MESSAGE_SCOUT_LOST, NULL, NULL, 0);
}

static bool
may_log_exhaustion(void *arg)
{
    const struct relay *relay = &((struct worker *)arg)->relay;

    return scoreboard_notice_is_due(
        relay->board, relay->slot, SCOREBOARD_NOTICE_EXHAUSTED, SECONDS(1));
}

static bool
set_up_worker(struct worker *worker, const struct worker_seed *seed,
    unsigned slot, int fd)
{
    struct relay *relay = &worker->relay;
    struct tls_signer *signer = NULL;

    worker->tickets = seed->tickets;
    relay->board = seed->board;
    relay->slot = slot;
    relay->began = on_began;
    relay->ended = on_conn_ended;
    relay->wake = on_handover_wake;
    relay->hand_over = on_hand_over;
    relay->arg = worker;
    relay->shared = tls_shared_new(false);
    relay->loop = loop_new();
    if (relay->loop == NULL)
        return false;
    relay->loop->may_log_exhaustion = may_log_exhaustion;
    relay->loop->may_log_arg = worker;
    worker->scout = scout_client_new(relay->loop, report_scout_lost, worker);
    if (worker->scout == NULL)
        return false;
    relay->resolver = scout_client_resolver(worker->scout);
    if (seed->keeps_no_keys) {
        worker->keeper =
            keeper_client_new(relay->loop, report_keeper_lost, worker);
        if (worker->keeper == NULL)
            return false;
        signer = keeper_client_signer(worker->keeper);
    }
    worker_rollout_init(&worker->rollout, relay, seed->tickets, signer,
        &rollout_calls, worker);
    worker->master = channel_new(relay->loop->base, fd, ROLE_WORKER,
        ROLE_MASTER, handlers, on_master_gone, worker);
    return worker->master != NULL &&
        timer_open(&worker->drain_timer, relay->loop->base, on_drain_timeout,
            worker) &&
        conn_keepalive_open(relay) &&
        worker_handover_open(&worker->handover, relay) &&
        worker_memory_start(&worker->memory, relay->loop->base) &&
        heartbeat_start(&worker->heartbeat, relay->loop->base, worker->master);
}

static void
tear_down_worker(struct worker *worker)
{
    struct relay *relay = &worker->relay;

    acceptor_close_all(relay, false);
    conn_end_all(relay);
    worker_rollout_clear(&worker->rollout);
    shares_free(relay->shares);
    services_free(relay->services, relay->service_count);
    tls_shared_free(relay->shared);
    worker_handover_close(&worker->handover);
    timer_close(&worker->drain_timer);
    worker_memory_stop(&worker->memory);
    heartbeat_stop(&worker->heartbeat);
    pipe_pool_clear(&relay->pipes);
    limits_handed_clear(relay);
    limits_clear(relay);
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
    int code = EXIT_FAILURE;

    if (worker == NULL)
        return code;
    if (set_up_worker(worker, seed, slot, fd)) {
        channel_send(worker->master, MESSAGE_READY, NULL, NULL, 0, NULL, 0);
        loop_run(worker->relay.loop);
        code = EXIT_SUCCESS;
        if (worker->master != NULL && !channel_flush(worker->master, FLUSH_MS))
            code = EXIT_FAILURE;
    } else {
        log_error(NULL, "a worker cannot start: out of memory");
    }
    tear_down_worker(worker);
    return code;
}
