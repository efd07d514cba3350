#include "roles/keeper.h"

#include <event2/event.h>
#include <sys/queue.h>

#include <sched.h>
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
#include "ipc/sign_batch.h"
#include "net/timer.h"
#include "roles/heartbeat.h"
#include "roles/keeper_keys.h"
#include "roles/keeper_spin.h"
#include "roles/log_message.h"

/* How fast one worker may have signatures made: far above what a worker's own
 * part of a handshake leaves room for, so that only a worker that does nothing
 * else is slowed by it. */
enum { WINDOW_MS = 100, SIGNATURES_PER_WINDOW = 2000 };

enum {
    /* Answers that are there wait so long for others: a few signatures with
     * ECDSA, less than one with RSA. */
    ANSWERS_WAIT_NS = 100000,
    LOOK_AT_CORES_MS = 100,
    FORGET_EVERY_MS = 1000,
};

struct keeper {
    struct event_base *base;
    struct channel *master; /* NULL: it is gone */
    LIST_HEAD(, way) ways;
    struct keeper_keys keys;
    struct timer work;    /* loads the next keys, when nothing else comes */
    struct slice slice;
    bool alone;           /* on a core of its own, as far as can be told */
    uint64_t looked_ms;
    uint64_t sent_ns;     /* when answers were last sent */
    struct sign_batch answers; /* to the message that is being read */
    struct timer forget; /* looks for keys whose time is over */
    struct heartbeat heartbeat;
    struct keeper_spin spin;
};

/* To one worker. */
struct way {
    LIST_ENTRY(way) entry;
    struct keeper *keeper;
    struct channel *channel;
    uint64_t window_ms;   /* when the window began */
    unsigned signatures;  /* in it */
    struct timer window;  /* its end, where too many were asked for */
};

/* Without the master those it started go on until their connections have
 * ended. */
static void
stop_if_useless(struct keeper *keeper)
{
    if (keeper->master == NULL && LIST_EMPTY(&keeper->ways))
        event_base_loopbreak(keeper->base);
}

static void
free_way(struct way *way)
{
    channel_free(way->channel);
    timer_close(&way->window);
    LIST_REMOVE(way, entry);
    free(way);
}

/* Signing. */

static void
on_window_over(void *arg)
{
    struct way *way = arg;

    way->signatures = 0;
    channel_listen(way->channel, true);
}

/* A worker that has had too many is not heard before the window is over: what it
 * asks for meanwhile waits in its socket.  Only then a timer runs: one that
 * always did would have the kernel set a clock each time that the keeper sleeps. */
static void
count_signature(struct way *way)
{
    uint64_t now_ms = clock_now_ms();

    if (now_ms - way->window_ms >= WINDOW_MS) {
        way->window_ms = now_ms;
        way->signatures = 0;
    }
    if (++way->signatures != SIGNATURES_PER_WINDOW)
        return;
    timer_set(&way->window, way->window_ms + WINDOW_MS - now_ms);
    channel_listen(way->channel, false);
}

/* Whether the workers leave a core to the keepers.  An operator may move them at
 * any time (taskset(1)), and asking costs little. */
static void
look_at_cores(struct keeper *keeper)
{
    cpu_set_t cores;

    if (!clock_is_due(&keeper->looked_ms, LOOK_AT_CORES_MS))
        return;
    keeper->alone = keeper->keys.workers > 0 &&
        sched_getaffinity(0, sizeof(cores), &cores) == 0 &&
        (unsigned)CPU_COUNT(&cores) > keeper->keys.workers;
}

static void
send_answers(struct way *way)
{
    struct keeper *keeper = way->keeper;
    struct sign_batch *answers = &keeper->answers;

    if (answers->count > 0)
        channel_send(way->channel, MESSAGE_SIGNED, NULL, answers->bytes,
            answers->length, NULL, 0);
    sign_batch_clear(answers);
    keeper->sent_ns = clock_now_ns();
}

/* While this process goes on signing on its own core, the worker goes on with
 * what it has; on a core that they share it would only be interrupted. */
static bool
should_send(const struct keeper *keeper, bool first)
{
    return keeper->alone &&
        (first || clock_now_ns() - keeper->sent_ns >= ANSWERS_WAIT_NS);
}

static void
answer(struct way *way, const struct message_sign *asked)
{
    struct keeper *keeper = way->keeper;
    const struct tls_sign_request request = {
        .key = asked->key,
        .scheme = (enum tls_sign_scheme)asked->scheme,
        .digest = (enum tls_sign_digest)asked->digest,
        .bytes = (const unsigned char *)(asked + 1),
        .length = asked->length,
    };
    unsigned char signature[TLS_SIGNATURE_MAX];
    struct message_signed answer = { .number = asked->number };

    answer.length = (uint32_t)keeper_keys_sign(
        &keeper->keys, &request, signature);
    if (!sign_batch_add_signed(&keeper->answers, &answer, signature)) {
        send_answers(way);
        (void)!sign_batch_add_signed(&keeper->answers, &answer, signature);
    }
    count_signature(way);
}

static void
on_sign(void *arg, const struct message *message, const int *fds)
{
    const struct message_sign *asked;
    struct way *way = arg;
    size_t at = 0;
    bool first = true;

    (void)fds;
    look_at_cores(way->keeper);
    while ((asked = sign_batch_sign(message, &at)) != NULL) {
        answer(way, asked);
        if (should_send(way->keeper, first))
            send_answers(way);
        first = false;
    }
    send_answers(way);
    if (way->keeper->alone)
        keeper_spin_note(&way->keeper->spin, clock_now_ns());
}

static channel_message_fn *const worker_handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_SIGN] = on_sign,
};

static void
on_worker_ended(void *arg, const char *why)
{
    struct way *way = arg;
    struct keeper *keeper = way->keeper;

    if (channel_is_offended(way->channel))
        log_error(NULL, "a worker %s; the keeper listens to it no more", why);
    free_way(way);
    stop_if_useless(keeper);
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
    struct way *way;

    if (keeper->keys.now.vault != NULL)
        return;
    LIST_FOREACH(way, &keeper->ways, entry)
        channel_listen(way->channel, has_keys(keeper));
}

/* Brings a way to a worker. */
static void
on_keeper(void *arg, const struct message *message, const int *fds)
{
    struct way *way = calloc(1, sizeof(*way));
    struct keeper *keeper = arg;

    (void)message;
    if (way != NULL &&
        timer_open(&way->window, keeper->base, on_window_over, way))
        way->channel = channel_new(keeper->base, fds[0], ROLE_KEEPER, ROLE_WORKER,
            worker_handlers, on_worker_ended, way);
    if (way == NULL || way->channel == NULL) {
        log_error(NULL, "a worker cannot be heard: out of memory");
        if (way != NULL)
            timer_close(&way->window);
        close(fds[0]);
        free(way);
        return;
    }
    channel_read_singly(way->channel);
    channel_listen(way->channel, has_keys(keeper));
    way->keeper = keeper;
    LIST_INSERT_HEAD(&keeper->ways, way, entry);
}

/* Generations. */

static void
answer_prepare(
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
        answer_prepare(keeper, keys->next.generation, false, true);
    keeper_keys_drop_next(keys);
    listen_if_keys(keeper);
}

static void
fail(struct keeper *keeper)
{
    struct keeper_keys *keys = &keeper->keys;
    uint64_t generation = keys->next.generation;

    for (size_t i = 0; i < keys->error.count; i++)
        channel_send(keeper->master, MESSAGE_FAULT, NULL,
            keys->error.messages[i], strlen(keys->error.messages[i]), NULL, 0);
    keeper_keys_drop_next(keys);
    answer_prepare(keeper, generation, false, false);
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
        fail(keeper);
    } else if (keeper->keys.state == KEYS_LOADED) {
        listen_if_keys(keeper);
        answer_prepare(keeper, keeper->keys.next.generation, true, false);
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
on_bundle(void *arg, const struct message *message, const int *fds)
{
    const struct message_generation *fixed = message->payload;
    struct keeper *keeper = arg;

    drop_next(keeper);
    keeper_keys_begin(&keeper->keys, fixed->generation, fds[0]);
}

static void
on_secrets(void *arg, const struct message *message, const int *fds)
{
    const struct message_generation *fixed = message->payload;
    struct keeper *keeper = arg;

    keeper_keys_add_secrets(&keeper->keys, fixed->generation, fds[0]);
}

static void
on_prepare(void *arg, const struct message *message, const int *fds)
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
    answer_prepare(keeper, fixed->generation, false, false);
}

static void
on_forget(void *arg)
{
    struct keeper *keeper = arg;

    if (keeper_keys_forget(&keeper->keys, clock_now_ms()))
        timer_set(&keeper->forget, FORGET_EVERY_MS);
}

static void
on_commit(void *arg, const struct message *message, const int *fds)
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
on_abort(void *arg, const struct message *message, const int *fds)
{
    const struct message_generation *fixed = message->payload;
    struct keeper *keeper = arg;

    (void)fds;
    if (keeper->keys.next.generation == fixed->generation)
        drop_next(keeper);
}

static channel_message_fn *const master_handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_BUNDLE] = on_bundle,
    [MESSAGE_SECRETS] = on_secrets,
    [MESSAGE_PREPARE] = on_prepare,
    [MESSAGE_COMMIT] = on_commit,
    [MESSAGE_ABORT] = on_abort,
    [MESSAGE_KEEPER] = on_keeper,
    [MESSAGE_LOG] = log_message_on,
};

static void
on_master_ended(void *arg, const char *why)
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
set_up(struct keeper *keeper, int fd)
{
    keeper->base = event_base_new();
    if (keeper->base == NULL) {
        close(fd);
        return false;
    }
    keeper->master = channel_new(keeper->base, fd, ROLE_KEEPER, ROLE_MASTER,
        master_handlers, on_master_ended, keeper);
    if (keeper->master == NULL)
        close(fd);
    return keeper->master != NULL &&
        timer_open(&keeper->forget, keeper->base, on_forget, keeper) &&
        timer_open(&keeper->work, keeper->base, on_work, keeper) &&
        heartbeat_start(&keeper->heartbeat, keeper->base, keeper->master);
}

static void
tear_down(struct keeper *keeper)
{
    struct way *way;

    while ((way = LIST_FIRST(&keeper->ways)) != NULL)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it is off the list */
        free_way(way);
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
serve(struct keeper *keeper)
{
    int wait;

    do {
        bool looks = keeper->alone &&
            keeper_spin_goes_on(&keeper->spin, clock_now_ns());

        wait = looks ? EVLOOP_NONBLOCK : 0;
    } while (event_base_loop(keeper->base, EVLOOP_ONCE | wait) == 0 &&
        !event_base_got_break(keeper->base));
}

int
keeper_run(int master_fd)
{
    struct keeper keeper = { .base = NULL };
    bool ready;

    keeper_keys_init(&keeper.keys);
    ready = set_up(&keeper, master_fd);
    if (ready) {
        channel_send(keeper.master, MESSAGE_READY, NULL, NULL, 0, NULL, 0);
        serve(&keeper);
    } else {
        log_error(NULL, "the keeper cannot start: out of memory");
    }
    tear_down(&keeper);
    return ready ? EXIT_SUCCESS : EXIT_FAILURE;
}
