#include "roles/keeper.h"

#include <event2/event.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/slice.h"
#include "ipc/channel.h"
#include "ipc/message.h"
#include "net/timer.h"
#include "roles/heartbeat.h"
#include "roles/keeper_keys.h"
#include "roles/keeper_links.h"
#include "roles/log_message.h"

/* How often it looks for keys whose time is over. */
enum { FORGET_EVERY_MS = 1000 };

struct keeper {
    struct event_base *base;
    struct channel *master; /* NULL: it is gone */
    struct keeper_keys keys;
    struct keeper_links links;
    struct timer work; /* loads the next keys, when nothing else comes */
    struct slice slice;
    struct timer forget; /* looks for keys whose time is over */
    struct heartbeat heartbeat;
};

/* Without the master those it started go on until their connections have
 * ended. */
static void
stop_if_useless(void *arg)
{
    struct keeper *keeper = arg;

    if (keeper->master == NULL && keeper_links_is_empty(&keeper->links))
        event_base_loopbreak(keeper->base);
}

/* A keeper that has just been started has no key yet.  What it is asked meanwhile
 * waits, because an answer without a signature would end that handshake. */
static bool
has_keys(const struct keeper *keeper)
{
    return keeper->keys.now.vault != NULL ||
        keeper->keys.state == KEYS_LOADED;
}

/* Whether it has keys changes only until some are in force. */
static void
listen_if_keys(struct keeper *keeper)
{
    if (keeper->keys.now.vault == NULL)
        keeper_links_listen(&keeper->links, has_keys(keeper));
}

/* Brings a link to a worker. */
static void
on_link_offered(void *arg, const struct message *message, const int *fds)
{
    struct keeper *keeper = arg;

    (void)message;
    keeper_links_add(&keeper->links, fds[0], has_keys(keeper));
}

/* Generations. */

static void
answer_keeper_prepare(
    struct keeper *keeper, uint64_t generation, bool ok, bool given_up)
{
    const struct message_verdict verdict = {
        .generation = generation,
        .ok = ok,
        .given_up = given_up,
    };

    if (keeper->master != NULL)
        channel_send(
            keeper->master, MESSAGE_PREPARED, &verdict, NULL, 0, NULL, 0);
}

/* What was to be next is not, whatever the state. */
static void
drop_next(struct keeper *keeper)
{
    struct keeper_keys *keys = &keeper->keys;

    if (keys->state == KEYS_LOADING)
        answer_keeper_prepare(keeper, keys->next.generation, false, true);
    keeper_keys_drop_next(keys);
    listen_if_keys(keeper);
}

static void
fail_next_keys(struct keeper *keeper)
{
    struct keeper_keys *keys = &keeper->keys;
    uint64_t generation = keys->next.generation;

    for (size_t i = 0; i < keys->error.count; i++)
        channel_send(keeper->master, MESSAGE_FAULT, NULL,
            keys->error.messages[i], strlen(keys->error.messages[i]), NULL, 0);
    keeper_keys_drop_next(keys);
    answer_keeper_prepare(keeper, generation, false, false);
}

/* The trial has said all that there is to warn of. */
static void
load_more(struct keeper *keeper)
{
    bool ok;

    log_hush(true);
    ok = keeper_keys_step(&keeper->keys);
    log_hush(false);
    if (!ok) {
        fail_next_keys(keeper);
    } else if (keeper->keys.state == KEYS_LOADED) {
        listen_if_keys(keeper);
        answer_keeper_prepare(
            keeper, keeper->keys.next.generation, true, false);
    }
}

/* Other events come before this one comes again. */
static void
on_work(void *arg)
{
    struct keeper *keeper = arg;

    slice_begin(&keeper->slice, clock_cpu_ns());
    while (keeper->keys.state == KEYS_LOADING &&
        slice_goes_on(&keeper->slice, clock_cpu_ns()))
        load_more(keeper);
    slice_end(&keeper->slice, clock_cpu_ns());
    if (keeper->keys.state == KEYS_LOADING)
        timer_set(&keeper->work, 0);
}

static void
on_keeper_bundle(void *arg, const struct message *message, const int *fds)
{
    const struct message_generation *fixed = message->payload;
    struct keeper *keeper = arg;

    drop_next(keeper);
    keeper_keys_begin(&keeper->keys, fixed->generation, fds[0]);
}

static void
on_keeper_secrets(void *arg, const struct message *message, const int *fds)
{
    const struct message_generation *fixed = message->payload;
    struct keeper *keeper = arg;

    keeper_keys_add_secrets(&keeper->keys, fixed->generation, fds[0]);
}

static void
on_keeper_prepare(void *arg, const struct message *message, const int *fds)
{
    const struct message_generation *fixed = message->payload;
    struct keeper *keeper = arg;
    struct keeper_keys *keys = &keeper->keys;

    (void)fds;
    if (keys->state == KEYS_TOLD &&
        keys->next.generation == fixed->generation) {
        keys->state = KEYS_LOADING;
        keeper->slice = (struct slice){ 0 };
        timer_set(&keeper->work, 0);
        return;
    }
    drop_next(keeper);
    answer_keeper_prepare(keeper, fixed->generation, false, false);
}

static void
on_forget(void *arg)
{
    struct keeper *keeper = arg;

    if (keeper_keys_forget(&keeper->keys, clock_now_ms()))
        timer_set(&keeper->forget, FORGET_EVERY_MS);
}

static void
on_keeper_commit(void *arg, const struct message *message, const int *fds)
{
    const struct message_generation *fixed = message->payload;
    struct keeper *keeper = arg;

    (void)fds;
    if (!keeper_keys_switch(&keeper->keys, fixed->generation, clock_now_ms()))
        return;
    on_forget(keeper);
    channel_send(
        keeper->master, MESSAGE_COMMITTED, fixed, NULL, 0, NULL, 0);
}

static void
on_keeper_abort(void *arg, const struct message *message, const int *fds)
{
    const struct message_generation *fixed = message->payload;
    struct keeper *keeper = arg;

    (void)fds;
    if (keeper->keys.next.generation == fixed->generation)
        drop_next(keeper);
}

static channel_message_fn *const master_handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_BUNDLE] = on_keeper_bundle,
    [MESSAGE_SECRETS] = on_keeper_secrets,
    [MESSAGE_PREPARE] = on_keeper_prepare,
    [MESSAGE_COMMIT] = on_keeper_commit,
    [MESSAGE_ABORT] = on_keeper_abort,
    [MESSAGE_KEEPER] = on_link_offered,
    [MESSAGE_LOG] = log_message_on,
};

static void
on_keeper_master_ended(void *arg, const char *why)
{
    struct keeper *keeper = arg;

    log_debug(NULL, "master %s", why);
    heartbeat_stop(&keeper->heartbeat);
    channel_free(keeper->master);
    keeper->master = NULL;
    drop_next(keeper);
    stop_if_useless(keeper);
}

/* False: out of memory, or descriptors. */
static bool
set_up_keeper(struct keeper *keeper, int fd)
{
    keeper->base = event_base_new();
    if (keeper->base == NULL) {
        close(fd);
        return false;
    }
    keeper_links_init(&keeper->links, keeper->base, &keeper->keys,
        stop_if_useless, keeper);
    keeper->master = channel_new(keeper->base, fd, ROLE_KEEPER, ROLE_MASTER,
        master_handlers, on_keeper_master_ended, keeper);
    if (keeper->master == NULL)
        close(fd);
    return keeper->master != NULL &&
        timer_open(&keeper->forget, keeper->base, on_forget, keeper) &&
        timer_open(&keeper->work, keeper->base, on_work, keeper) &&
        heartbeat_start(&keeper->heartbeat, keeper->base, keeper->master);
}

static void
tear_down_keeper(struct keeper *keeper)
{
    keeper_links_close(&keeper->links);
    channel_free(keeper->master);
    keeper_keys_clear(&keeper->keys);
    heartbeat_stop(&keeper->heartbeat);
    timer_close(&keeper->forget);
    timer_close(&keeper->work);
    if (keeper->base != NULL)
        event_base_free(keeper->base);
}

/* Until stop_if_useless(). */
static void
run_keeper_loop(struct keeper *keeper)
{
    int wait;

    do {
        wait = keeper_links_spins(&keeper->links) ? EVLOOP_NONBLOCK : 0;
    } while (event_base_loop(keeper->base, EVLOOP_ONCE | wait) == 0 &&
        !event_base_got_break(keeper->base));
}

int
keeper_run(int master_fd)
{
    struct keeper keeper = { .base = NULL };
    bool ready;

    keeper_keys_init(&keeper.keys);
    ready = set_up_keeper(&keeper, master_fd);
    if (ready) {
        channel_send(keeper.master, MESSAGE_READY, NULL, NULL, 0, NULL, 0);
        run_keeper_loop(&keeper);
    } else {
        log_error(NULL, "the keeper cannot start: out of memory");
    }
    tear_down_keeper(&keeper);
    return ready ? EXIT_SUCCESS : EXIT_FAILURE;
}
