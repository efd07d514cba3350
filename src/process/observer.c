#include "process/observer.h"

#include <event2/buffer.h>
#include <event2/event.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/board.h"
#include "base/clock.h"
#include "base/log.h"
#include "observe/control.h"
#include "observe/status.h"
#include "observe/status_facts.h"
#include "process/channel.h"
#include "process/pulse.h"
#include "process/log_message.h"
#include "process/message.h"

/* A master that is stuck does not keep the board from being read. */
#define MASTER_PATIENCE SECONDS(2)

/* For answers to be read after the master has ended. */
#define FAREWELL SECONDS(2)

_Static_assert((int)STATUS_FACTS_SIZE <= (int)MESSAGE_REPLY_MAX,
    "what the master tells goes in one reply");

struct observer {
    struct event_base *base;
    struct channel *channel; /* NULL: the master has ended */
    struct control *control;
    const struct board *board;
    struct pulse pulse;
};

static const enum request_verb verbs[CONTROL_VERB_COUNT] = {
    [CONTROL_STATUS] = REQUEST_STATUS,
    [CONTROL_STATUS_JSON] = REQUEST_STATUS,
    [CONTROL_RELOAD] = REQUEST_RELOAD,
    [CONTROL_UPGRADE] = REQUEST_UPGRADE,
    [CONTROL_DRAIN] = REQUEST_DRAIN,
};

/* Any process may have written to the board. */
static const char *
kind_name(int kind)
{
    return kind >= 0 && kind < ROLE_COUNT ? role_name((enum role)kind) : "?";
}

/* `facts` NULL: the master did not say. */
static void
answer_status(struct observer *observer, uint32_t client,
    const struct control_request *request, const struct status_facts *facts)
{
    const struct status status = {
        .board = observer->board, .facts = facts,
        .kind_name = kind_name, .now_ms = clock_now_ms(),
    };
    struct evbuffer *out = evbuffer_new();
    bool made = out != NULL &&
        (request->verb == CONTROL_STATUS_JSON ? status_json(&status, out)
                                              : status_text(&status, out));

    if (made)
        control_say(observer->control, client,
            (const char *)evbuffer_pullup(out, -1), evbuffer_get_length(out));
    control_finish(observer->control, client, made);
    if (out != NULL)
        evbuffer_free(out);
}

static void
on_asked(void *arg, uint32_t client, const struct control_request *request)
{
    struct observer *observer = arg;
    const struct message_request ask = {
        .request = client, .verb = verbs[request->verb],
    };

    if (ask.verb == REQUEST_STATUS)
        control_expect(observer->control, client, MASTER_PATIENCE);
    channel_send(observer->channel, MESSAGE_REQUEST, &ask, request->name,
        strlen(request->name), NULL, 0);
}

/* Only status is expected in time. */
static void
on_late(void *arg, uint32_t client, const struct control_request *request)
{
    answer_status(arg, client, request, NULL);
}

static void
on_reply(struct observer *observer, const struct message *message)
{
    const struct message_reply *reply = message->payload;
    const struct control_request *request =
        control_asked(observer->control, reply->request);
    struct status_facts facts;

    if (request == NULL)
        return;
    if (verbs[request->verb] == REQUEST_STATUS) {
        answer_status(observer, reply->request, request,
            status_facts_parse(&facts, message->text, message->text_length)
                ? &facts : NULL);
        return;
    }
    control_say(observer->control, reply->request, message->text,
        message->text_length);
    if (reply->more)
        return;
    /* Whoever hears that is served by the next daemon, if he asks again. */
    if (request->verb == CONTROL_UPGRADE && reply->code == 0)
        control_stop_accepting(observer->control);
    control_finish(observer->control, reply->request, reply->code == 0);
}

/* What else the master tells every child is heard and forgotten. */
static void
on_message(void *arg, const struct message *message, const int *fds)
{
    if (message->type == MESSAGE_LOG) {
        log_message_adopt(ROLE_OBSERVER, message, fds[0]);
        return;
    }
    if (message->type == MESSAGE_REPLY)
        on_reply(arg, message);
    for (size_t i = 0; i < message->fd_count; i++)
        close(fds[i]);
}

static void
on_ended(void *arg, const char *why)
{
    struct observer *observer = arg;

    log_debug(NULL, "the observer ends: the master %s", why);
    channel_free(observer->channel);
    observer->channel = NULL;
    if (observer->control != NULL)
        control_end(observer->control,
            "the daemon ended before it had an answer");
    event_base_loopbreak(observer->base);
}

/* The last answers leave; a client that does not read is not waited for. */
static void
linger(struct observer *observer)
{
    uint64_t until_ms = clock_now_ms() + FAREWELL;
    struct timeval span = clock_span(FAREWELL);

    event_base_loopexit(observer->base, &span);
    while (control_clients(observer->control) > 0 &&
        clock_now_ms() < until_ms)
        if (event_base_loop(observer->base, EVLOOP_ONCE) != 0)
            break;
}

/* Ctrl-C goes to every process of a terminal, and a service manager may tell
 * all of them at once; but the socket is to answer until the master ends. */
static void
ignore_signals(void)
{
    static const int numbers[] = {
        SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE,
    };

    for (size_t i = 0; i < COUNT(numbers); i++)
        (void)signal(numbers[i], SIG_IGN);
}

/* False: no memory, or no descriptor; what was made stays in `observer`, and
 * `master_fd` is the channel's if there is one. */
static bool
start(struct observer *observer, int master_fd, int listen_fd, uid_t owner)
{
    const struct control_handler handler = {
        .asked = on_asked, .late = on_late, .arg = observer,
    };

    observer->base = event_base_new();
    if (observer->base == NULL)
        return false;
    observer->channel = channel_new(observer->base, master_fd, ROLE_OBSERVER,
        ROLE_MASTER, on_message, on_ended, observer);
    if (observer->channel == NULL)
        return false;
    observer->control =
        control_new(observer->base, listen_fd, owner, &handler);
    return observer->control != NULL;
}

int
observer_run(int master_fd, int listen_fd, struct board *board, uid_t owner,
    const struct pulse_seed *pulse)
{
    struct observer observer = { .board = board };
    bool started;

    ignore_signals();
    started = start(&observer, master_fd, listen_fd, owner) &&
        pulse_start(&observer.pulse, observer.base, pulse);
    if (started) {
        channel_send(observer.channel, MESSAGE_READY, NULL, NULL, 0, NULL, 0);
        event_base_dispatch(observer.base);
        linger(&observer);
    } else {
        log_error(NULL, "the observer cannot start: out of memory or "
            "descriptors");
        if (observer.channel == NULL)
            close(master_fd);
    }
    pulse_stop(&observer.pulse);
    control_free(observer.control);
    channel_free(observer.channel);
    if (observer.base != NULL)
        event_base_free(observer.base);
    return started ? EXIT_SUCCESS : EXIT_FAILURE;
}
