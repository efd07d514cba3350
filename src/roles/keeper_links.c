#include "roles/keeper_links.h"

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "ipc/channel.h"
#include "ipc/message.h"
#include "net/timer.h"
#include "roles/keeper_keys.h"

/* How fast one worker may have signatures made: far above what a worker's own
 * part of a handshake leaves room for, so that only a worker that does nothing
 * else is slowed by it. */
enum { WINDOW_MS = 100, SIGNATURES_PER_WINDOW = 2000 };

enum {
    /* Answers that are there wait so long for others: a few signatures with
     * ECDSA, less than one with RSA. */
    ANSWERS_WAIT_NS = 100000,
    LOOK_AT_CORES_MS = 100,
};

struct keeper_link {
    LIST_ENTRY(keeper_link) entry;
    struct keeper_links *links;
    struct channel *channel;
    uint64_t window_ms;   /* when the window began */
    unsigned signatures;  /* in it */
    struct timer window;  /* its end, where too many were asked for */
};

static void
free_keeper_link(struct keeper_link *link)
{
    channel_free(link->channel);
    timer_close(&link->window);
    LIST_REMOVE(link, entry);
    free(link);
}

static void
on_window_over(void *arg)
{
    struct keeper_link *link = arg;

    link->signatures = 0;
    channel_listen(link->channel, true);
}

/* A worker that has had too many is not heard before the window is over: what it
 * asks for meanwhile waits in its socket.  Only then a timer runs: one that
 * always did would have the kernel set a clock each time that the keeper sleeps. */
static void
count_signature(struct keeper_link *link)
{
    uint64_t now_ms = clock_now_ms();

    if (now_ms - link->window_ms >= WINDOW_MS) {
        link->window_ms = now_ms;
        link->signatures = 0;
    }
    if (++link->signatures != SIGNATURES_PER_WINDOW)
        return;
    timer_set(&link->window, link->window_ms + WINDOW_MS - now_ms);
    channel_listen(link->channel, false);
}

/* Whether the workers leave a core to the keepers.  An operator may move them at
 * any time (taskset(1)), and asking costs little. */
static void
look_at_cores(struct keeper_links *links)
{
    cpu_set_t cores;

    if (!clock_is_due(&links->looked_ms, LOOK_AT_CORES_MS))
        return;
    links->alone = links->keys->workers > 0 &&
        sched_getaffinity(0, sizeof(cores), &cores) == 0 &&
        (unsigned)CPU_COUNT(&cores) > links->keys->workers;
}

static void
send_answers(struct keeper_link *link)
{
    struct keeper_links *links = link->links;
    struct sign_batch *answers = &links->answers;

    if (answers->count > 0)
        channel_send(link->channel, MESSAGE_SIGNED, NULL, answers->bytes,
            answers->length, NULL, 0);
    sign_batch_clear(answers);
    links->sent_ns = clock_now_ns();
}

/* While this process goes on signing on its own core, the worker goes on with
 * what it has; on a core that they share it would only be interrupted. */
static bool
should_send(const struct keeper_links *links, bool first)
{
    return links->alone &&
        (first || clock_now_ns() - links->sent_ns >= ANSWERS_WAIT_NS);
}

static void
answer_sign(struct keeper_link *link, const struct message_sign *asked)
{
    struct keeper_links *links = link->links;
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
        links->keys, &request, signature);
    if (!sign_batch_add_signed(&links->answers, &answer, signature)) {
        send_answers(link);
        (void)!sign_batch_add_signed(&links->answers, &answer, signature);
    }
    count_signature(link);
}

static void
on_sign(void *arg, const struct message *message, const int *fds)
{
    const struct message_sign *asked;
    struct keeper_link *link = arg;
    size_t at = 0;
    bool first = true;

    (void)fds;
    look_at_cores(link->links);
    while ((asked = sign_batch_sign(message, &at)) != NULL) {
        answer_sign(link, asked);
        if (should_send(link->links, first))
            send_answers(link);
        first = false;
    }
    send_answers(link);
    if (link->links->alone)
        keeper_spin_note(&link->links->spin, clock_now_ns());
}

static channel_message_fn *const handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_SIGN] = on_sign,
};

static void
on_keeper_link_ended(void *arg, const char *why)
{
    struct keeper_link *link = arg;
    struct keeper_links *links = link->links;

    if (channel_is_offended(link->channel))
        log_error(
            NULL, "a worker %s; the keeper closes the channel to it", why);
    free_keeper_link(link);
    links->ended(links->arg);
}

void
keeper_links_init(struct keeper_links *links, struct event_base *base,
    struct keeper_keys *keys, void (*ended)(void *arg), void *arg)
{
    *links = (struct keeper_links){
        .base = base,
        .keys = keys,
        .ended = ended,
        .arg = arg,
    };
}

void
keeper_links_close(struct keeper_links *links)
{
    struct keeper_link *link;

    while ((link = LIST_FIRST(&links->list)) != NULL)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it is off the list */
        free_keeper_link(link);
}

void
keeper_links_add(struct keeper_links *links, int fd, bool listen)
{
    struct keeper_link *link = calloc(1, sizeof(*link));

    if (link != NULL &&
        timer_open(&link->window, links->base, on_window_over, link))
        link->channel = channel_new(links->base, fd, ROLE_KEEPER, ROLE_WORKER,
            handlers, on_keeper_link_ended, link);
    if (link == NULL || link->channel == NULL) {
        log_error(NULL, "cannot open a channel to a worker: out of memory");
        if (link != NULL)
            timer_close(&link->window);
        close(fd);
        free(link);
        return;
    }
    channel_read_singly(link->channel);
    channel_listen(link->channel, listen);
    link->links = links;
    LIST_INSERT_HEAD(&links->list, link, entry);
}

void
keeper_links_listen(struct keeper_links *links, bool listen)
{
    struct keeper_link *link;

    LIST_FOREACH(link, &links->list, entry)
        channel_listen(link->channel, listen);
}

bool
keeper_links_is_empty(const struct keeper_links *links)
{
    return LIST_EMPTY(&links->list);
}

bool
keeper_links_spins(struct keeper_links *links)
{
    return links->alone && keeper_spin_goes_on(&links->spin, clock_now_ns());
}
