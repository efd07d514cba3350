#include "process/keeper.h"

#include <event2/event.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "config/config_load.h"
#include "process/channel.h"
#include "process/log_message.h"
#include "process/message.h"
#include "process/pulse.h"
#include "tls/tls_vault.h"

/* How fast one worker may have signatures made: far above what a worker's own
 * part of a handshake leaves room for, so that only one who does nothing else
 * comes to feel it. */
enum { WINDOW_MS = 100, SIGNATURES_PER_WINDOW = 2000 };

/* A handshake that began under a configuration before may still need its keys:
 * for so long, or for as long as a handshake may take. */
enum { GRACE_MS = 60000, BEFORE_MAX = 16 };

/* The keys of one generation; `vault` NULL: none. */
struct keys {
    uint64_t generation;
    struct tls_vault *vault;
    uint64_t grace_ms; /* once they are not in force any more */
    uint64_t until_ms;
};

struct keeper {
    struct event_base *base;
    struct channel *master; /* NULL: it is gone */
    struct way *ways;
    struct keys before[BEFORE_MAX]; /* the latest first */
    struct keys now, next;
    int bundle_fd; /* of the generation that is to be next; -1: none */
    int secrets_fd;
    struct event *forget; /* looks for keys whose time is over */
    struct pulse pulse;
};

/* To one worker. */
struct way {
    struct way *next;
    struct way **link;
    struct keeper *keeper;
    struct channel *channel;
    struct event *window; /* runs while it has been signed for */
    unsigned signatures;  /* in this window */
};

static void
drop(struct keys *keys)
{
    tls_vault_free(keys->vault);
    *keys = (struct keys){ 0 };
}

static void
close_bundles(struct keeper *keeper)
{
    if (keeper->bundle_fd >= 0)
        close(keeper->bundle_fd);
    if (keeper->secrets_fd >= 0)
        close(keeper->secrets_fd);
    keeper->bundle_fd = keeper->secrets_fd = -1;
}

/* Without the master those it started go on until their connections have
 * ended. */
static void
stop_if_useless(struct keeper *keeper)
{
    if (keeper->master == NULL && keeper->ways == NULL)
        event_base_loopbreak(keeper->base);
}

static void
free_way(struct way *way)
{
    channel_free(way->channel);
    if (way->window != NULL)
        event_free(way->window);
    *way->link = way->next;
    if (way->next != NULL)
        way->next->link = way->link;
    free(way);
}

/* Signing. */

static void
on_window_over(evutil_socket_t fd, short what, void *arg)
{
    struct way *way = arg;

    (void)fd;
    (void)what;
    way->signatures = 0;
    channel_listen(way->channel, true);
}

/* Whoever has had too many is not heard before the window is over: what it asks
 * meanwhile waits in its socket. */
static void
count_signature(struct way *way)
{
    static const struct timeval window = { .tv_usec = WINDOW_MS * 1000 };

    if (way->signatures++ == 0)
        event_add(way->window, &window);
    if (way->signatures == SIGNATURES_PER_WINDOW)
        channel_listen(way->channel, false);
}

static size_t
sign_with(const struct keys *keys, const struct tls_sign_request *request,
    unsigned char signature[TLS_SIGNATURE_MAX])
{
    return keys->vault != NULL
        ? tls_vault_sign(keys->vault, request, signature)
        : 0;
}

/* Workers switch when they are told to, which may be before we are. */
static size_t
sign(const struct keeper *keeper, const struct tls_sign_request *request,
    unsigned char signature[TLS_SIGNATURE_MAX])
{
    size_t length = sign_with(&keeper->now, request, signature);

    if (length == 0)
        length = sign_with(&keeper->next, request, signature);
    for (size_t i = 0; i < BEFORE_MAX && length == 0; i++)
        length = sign_with(&keeper->before[i], request, signature);
    return length;
}

static void
on_worker_message(void *arg, const struct message *message, const int *fds)
{
    const struct message_sign *asked = message->payload;
    struct message_signed answer = { 0 };
    struct tls_sign_request request;
    unsigned char signature[TLS_SIGNATURE_MAX];
    struct way *way = arg;
    size_t length;

    (void)fds; /* none comes with it */
    if (message->type != MESSAGE_SIGN)
        return;
    request = (struct tls_sign_request){
        .key = asked->key,
        .scheme = (enum tls_sign_scheme)asked->scheme,
        .digest = (enum tls_sign_digest)asked->digest,
        .bytes = (const unsigned char *)message->text,
        .length = message->text_length,
    };
    length = sign(way->keeper, &request, signature);
    answer.number = asked->number;
    answer.ok = length > 0;
    channel_send(way->channel, MESSAGE_SIGNED, &answer,
        (const char *)signature, length, NULL, 0);
    count_signature(way);
}

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

/* Takes `fd`. */
static void
add_way(struct keeper *keeper, int fd)
{
    struct way *way = calloc(1, sizeof(*way));

    if (way != NULL)
        way->window = evtimer_new(keeper->base, on_window_over, way);
    if (way != NULL && way->window != NULL)
        way->channel = channel_new(keeper->base, fd, ROLE_KEEPER, ROLE_WORKER,
            on_worker_message, on_worker_ended, way);
    if (way == NULL || way->channel == NULL) {
        log_error(NULL, "a worker cannot be heard: out of memory");
        if (way != NULL && way->window != NULL)
            event_free(way->window);
        close(fd);
        free(way);
        return;
    }
    way->keeper = keeper;
    way->next = keeper->ways;
    way->link = &keeper->ways;
    if (way->next != NULL)
        way->next->link = &way->next;
    keeper->ways = way;
}

/* Generations. */

static void
begin(struct keeper *keeper, const struct message *message, int fd)
{
    const struct message_generation *fixed = message->payload;

    drop(&keeper->next);
    close_bundles(keeper);
    keeper->next.generation = fixed->generation;
    keeper->bundle_fd = fd;
}

static void
add_secrets(struct keeper *keeper, const struct message *message, int fd)
{
    const struct message_generation *fixed = message->payload;

    if (keeper->next.generation != fixed->generation ||
        keeper->secrets_fd >= 0) {
        close(fd);
        return;
    }
    keeper->secrets_fd = fd;
}

/* A handshake of this configuration is over by then. */
static uint64_t
grace_of(const struct config *config)
{
    uint64_t grace_ms = GRACE_MS;

    for (size_t i = 0; i < config->service_count; i++)
        if (config->services[i].handshake_timeout_ms > grace_ms)
            grace_ms = config->services[i].handshake_timeout_ms;
    return grace_ms;
}

/* The trial has said all that there is to warn of. */
static bool
load(struct keeper *keeper, struct error *error)
{
    struct config *config;

    log_hush(true);
    config = config_load_bundle(keeper->bundle_fd, keeper->secrets_fd, error);
    if (config != NULL) {
        keeper->next.vault = tls_vault_new(config, error);
        keeper->next.grace_ms = grace_of(config);
    }
    log_hush(false);
    config_unref(config);
    return keeper->next.vault != NULL;
}

static void
prepare(struct keeper *keeper, const struct message *message)
{
    const struct message_generation *fixed = message->payload;
    struct message_verdict verdict = { .generation = fixed->generation };
    struct error error = { 0 };

    verdict.ok = keeper->next.generation == fixed->generation &&
        keeper->next.vault == NULL && load(keeper, &error);
    close_bundles(keeper);
    for (size_t i = 0; i < error.count; i++)
        channel_send(keeper->master, MESSAGE_FAULT, NULL, error.messages[i],
            strlen(error.messages[i]), NULL, 0);
    error_clear(&error);
    channel_send(keeper->master, MESSAGE_PREPARED, &verdict, NULL, 0, NULL, 0);
}

static void
on_forget(evutil_socket_t fd, short what, void *arg)
{
    static const struct timeval again = { .tv_sec = 1 };
    struct keeper *keeper = arg;
    uint64_t now_ms = clock_now_ms();
    bool any = false;

    (void)fd;
    (void)what;
    for (size_t i = 0; i < BEFORE_MAX; i++) {
        if (keeper->before[i].until_ms <= now_ms)
            drop(&keeper->before[i]);
        any |= keeper->before[i].vault != NULL;
    }
    if (any)
        event_add(keeper->forget, &again);
}

static void
retire(struct keeper *keeper, struct keys keys)
{
    struct keys *before = keeper->before;

    if (keys.vault == NULL)
        return;
    drop(&before[BEFORE_MAX - 1]);
    memmove(before + 1, before, (BEFORE_MAX - 1) * sizeof(*before));
    before[0] = keys;
    before[0].until_ms = clock_now_ms() + keys.grace_ms;
    on_forget(-1, 0, keeper);
}

static void
switch_over(struct keeper *keeper, const struct message *message)
{
    const struct message_generation *fixed = message->payload;

    if (keeper->next.generation != fixed->generation ||
        keeper->next.vault == NULL)
        return;
    retire(keeper, keeper->now);
    keeper->now = keeper->next;
    keeper->next = (struct keys){ 0 };
    channel_send(
        keeper->master, MESSAGE_SWITCHED, fixed, NULL, 0, NULL, 0);
}

static void
cancel(struct keeper *keeper, const struct message *message)
{
    const struct message_generation *fixed = message->payload;

    if (keeper->next.generation != fixed->generation)
        return;
    drop(&keeper->next);
    close_bundles(keeper);
}

static void
on_master_message(void *arg, const struct message *message, const int *fds)
{
    struct keeper *keeper = arg;

    switch (message->type) {
    case MESSAGE_BUNDLE:
        begin(keeper, message, fds[0]);
        break;
    case MESSAGE_SECRETS:
        add_secrets(keeper, message, fds[0]);
        break;
    case MESSAGE_PREPARE:
        prepare(keeper, message);
        break;
    case MESSAGE_SWITCH:
        switch_over(keeper, message);
        break;
    case MESSAGE_CANCEL:
        cancel(keeper, message);
        break;
    case MESSAGE_KEEPER:
        add_way(keeper, fds[0]);
        break;
    case MESSAGE_LOG:
        log_message_adopt(ROLE_KEEPER, message, fds[0]);
        break;
    default:
        for (size_t i = 0; i < message->fd_count; i++)
            close(fds[i]);
    }
}

static void
on_master_ended(void *arg, const char *why)
{
    struct keeper *keeper = arg;

    log_debug(NULL, "master %s", why);
    channel_free(keeper->master);
    keeper->master = NULL;
    stop_if_useless(keeper);
}

static void
on_log_lost(void *arg)
{
    struct keeper *keeper = arg;

    if (keeper->master != NULL)
        channel_send(
            keeper->master, MESSAGE_LOG_LOST, NULL, NULL, 0, NULL, 0);
}

/* False: out of memory, or descriptors. */
static bool
set_up(struct keeper *keeper, int fd, const struct pulse_seed *pulse)
{
    keeper->base = event_base_new();
    if (keeper->base == NULL) {
        close(fd);
        return false;
    }
    keeper->forget = evtimer_new(keeper->base, on_forget, keeper);
    keeper->master = channel_new(keeper->base, fd, ROLE_KEEPER, ROLE_MASTER,
        on_master_message, on_master_ended, keeper);
    if (keeper->master == NULL)
        close(fd);
    return keeper->master != NULL && keeper->forget != NULL &&
        pulse_start(&keeper->pulse, keeper->base, pulse);
}

static void
tear_down(struct keeper *keeper)
{
    struct way *next;

    log_on_lost(NULL, NULL);
    for (struct way *each = keeper->ways; each != NULL; each = next) {
        next = each->next;
        free_way(each);
    }
    channel_free(keeper->master);
    close_bundles(keeper);
    for (size_t i = 0; i < BEFORE_MAX; i++)
        drop(&keeper->before[i]);
    drop(&keeper->now);
    drop(&keeper->next);
    pulse_stop(&keeper->pulse);
    if (keeper->forget != NULL)
        event_free(keeper->forget);
    if (keeper->base != NULL)
        event_base_free(keeper->base);
}

int
keeper_run(int master_fd, const struct pulse_seed *pulse)
{
    struct keeper keeper = { .bundle_fd = -1, .secrets_fd = -1 };
    bool ready = set_up(&keeper, master_fd, pulse);

    if (ready) {
        log_on_lost(on_log_lost, &keeper);
        channel_send(keeper.master, MESSAGE_READY, NULL, NULL, 0, NULL, 0);
        event_base_dispatch(keeper.base);
    } else {
        log_error(NULL, "the keeper cannot start: out of memory");
    }
    tear_down(&keeper);
    return ready ? EXIT_SUCCESS : EXIT_FAILURE;
}
