#include "admin/control.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/timer.h"

#define ASK_WITHIN SECONDS(5)
#define READ_WITHIN SECONDS(10)
#define RETRY_AFTER 100 /* ms, when there is no descriptor for a client */

enum client_state { CLIENT_ASKS, CLIENT_WAITS, CLIENT_READS };

struct client {
    struct control *control;
    enum client_state state;
    uint32_t number;
    pid_t pid;                  /* of the process that connected */
    struct bufferevent *stream; /* NULL: the place is free */
    struct timer timer;         /* of the state; never on the stream, where
                                   libevent could lose readiness */
    struct evbuffer *answer;    /* until it is finished */
    bool cut;                   /* the answer has had its "..." */
    struct control_request request;
};

struct control {
    struct event_base *base;
    struct event *listening;
    struct timer retry;
    uid_t owner;
    bool closed; /* to new clients */
    struct control_handler handler;
    uint32_t last_number;
    size_t count;
    struct client clients[CONTROL_CLIENTS_MAX];
};

/* The client that has been silent the longest; one that has asked keeps its
 * place until it has its answer.  NULL: all have asked. */
static struct client *
oldest_silent(struct control *control)
{
    struct client *oldest = NULL;

    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct client *client = &control->clients[i];

        if (client->stream == NULL || client->state != CLIENT_ASKS)
            continue;
        /* Numbers wrap around; only their distance counts. */
        if (oldest == NULL || (int32_t)(client->number - oldest->number) < 0)
            oldest = client;
    }
    return oldest;
}

static bool
can_take_another(struct control *control)
{
    return !control->closed && (control->count < CONTROL_CLIENTS_MAX ||
        oldest_silent(control) != NULL);
}

static void
listen_again(struct control *control)
{
    if (can_take_another(control) &&
        event_add(control->listening, NULL) != 0)
        timer_set(&control->retry, RETRY_AFTER);
}

static void
drop_control_client(struct client *client)
{
    struct control *control = client->control;

    if (client->stream != NULL)
        bufferevent_free(client->stream);
    timer_close(&client->timer);
    if (client->answer != NULL)
        evbuffer_free(client->answer);
    *client = (struct client){ 0 };
    control->count--;
    listen_again(control);
}

static struct client *
find_waiting_client(const struct control *control, uint32_t number)
{
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        const struct client *client = &control->clients[i];

        if (client->stream != NULL && client->number == number &&
            client->state == CLIENT_WAITS)
            return (struct client *)client;
    }
    return NULL;
}

const struct control_request *
control_asked(const struct control *control, uint32_t client)
{
    const struct client *found = find_waiting_client(control, client);

    return found != NULL ? &found->request : NULL;
}

pid_t
control_pid(const struct control *control, uint32_t client)
{
    const struct client *found = find_waiting_client(control, client);

    return found != NULL ? found->pid : 0;
}

void
control_expect(struct control *control, uint32_t client, uint64_t ms)
{
    struct client *found = find_waiting_client(control, client);

    if (found != NULL)
        timer_set(&found->timer, ms);
}

static void
append_to_answer(struct client *client, const char *text, size_t length)
{
    struct evbuffer *answer = client->answer;

    if (length == 0 || client->cut)
        return;
    if (evbuffer_get_length(answer) + length > CONTROL_ANSWER_MAX) {
        client->cut = true;
        text = "...\n";
        length = 4;
    }
    evbuffer_add(answer, text, length);
    if (text[length - 1] != '\n')
        evbuffer_add(answer, "\n", 1);
}

void
control_say(struct control *control, uint32_t client, const char *text,
    size_t length)
{
    struct client *found = find_waiting_client(control, client);

    if (found != NULL)
        append_to_answer(found, text, length);
}

/* The client is dropped when all has left, or when it does not read. */
static void
finish_answer(struct client *client, enum control_outcome outcome)
{
    static const char *const words[] = {
        [CONTROL_OK] = "ok\n",
        [CONTROL_FAILED] = "failed\n",
        [CONTROL_AGAIN] = "again\n",
    };
    struct evbuffer *output = bufferevent_get_output(client->stream);
    const char *first = words[outcome];

    client->state = CLIENT_READS;
    timer_set(&client->timer, READ_WITHIN);
    if (evbuffer_add(output, first, strlen(first)) < 0 ||
        evbuffer_add_buffer(output, client->answer) < 0)
        drop_control_client(client);
}

void
control_finish(
    struct control *control, uint32_t client, enum control_outcome outcome)
{
    struct client *found = find_waiting_client(control, client);

    if (found != NULL)
        finish_answer(found, outcome);
}

static void
refuse_request(struct client *client)
{
    static const char why[] = "this is not a request; there are status, "
        "status json, reload, upgrade, and drain NAME";

    append_to_answer(client, why, sizeof(why) - 1);
    finish_answer(client, CONTROL_FAILED);
}

static void
on_control_read(struct bufferevent *stream, void *arg)
{
    struct client *client = arg;
    struct control_handler *handler = &client->control->handler;
    struct evbuffer *input = bufferevent_get_input(stream);
    size_t length = evbuffer_get_length(input);

    if (client->state != CLIENT_ASKS) {
        drop_control_client(client); /* it was told to ask one thing */
        return;
    }
    switch (control_request_parse(evbuffer_pullup(input, -1), length,
        &client->request)) {
    case CONTROL_MORE:
        return;
    case CONTROL_BAD:
        bufferevent_disable(stream, EV_READ);
        refuse_request(client);
        return;
    case CONTROL_DONE:
        client->state = CLIENT_WAITS;
        timer_stop(&client->timer);
        handler->asked(handler->arg, client->number, &client->request);
    }
}

/* The answer has left: the kernel has it, and gives it to the client even after
 * we have closed. */
static void
on_written(struct bufferevent *stream, void *arg)
{
    struct client *client = arg;

    (void)stream;
    if (client->state == CLIENT_READS)
        drop_control_client(client);
}

/* True if the client has closed, rather than said that it has no more to
 * ask. */
static bool
has_left(struct bufferevent *stream)
{
    struct pollfd look = { .fd = bufferevent_getfd(stream) };

    return poll(&look, 1, 0) != 0;
}

static void
on_control_event(struct bufferevent *stream, short what, void *arg)
{
    struct client *client = arg;

    if ((what & BEV_EVENT_EOF) && (what & BEV_EVENT_READING) &&
        client->state != CLIENT_ASKS && !has_left(stream))
        return;
    drop_control_client(client);
}

static void
on_client_timer(void *arg)
{
    struct client *client = arg;
    struct control_handler *handler = &client->control->handler;

    if (client->state == CLIENT_WAITS)
        handler->late(handler->arg, client->number, &client->request);
    else
        drop_control_client(client);
}

/* Takes `fd` if it returns true. */
static bool
open_client(struct control *control, struct client *client, int fd)
{
    *client = (struct client){
        .control = control,
        .number = ++control->last_number,
        .answer = evbuffer_new(),
    };
    control->count++;
    if (client->answer != NULL &&
        timer_open(&client->timer, control->base, on_client_timer, client))
        client->stream = bufferevent_socket_new(control->base, fd,
            BEV_OPT_CLOSE_ON_FREE);
    if (client->stream == NULL) {
        drop_control_client(client);
        return false;
    }
    bufferevent_setcb(client->stream, on_control_read, on_written,
        on_control_event, client);
    bufferevent_setwatermark(client->stream, EV_READ, 0, CONTROL_LINE_MAX);
    bufferevent_enable(client->stream, EV_READ | EV_WRITE);
    timer_set(&client->timer, ASK_WITHIN);
    return true;
}

/* unix(7): what the kernel noted when the peer connected. */
static bool
is_allowed(const struct control *control, int fd, pid_t *pid)
{
    static const char refusal[] = "failed\nonly root and the user who started "
        "the daemon may ask\n";
    struct ucred peer;
    socklen_t length = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
        (peer.uid == 0 || peer.uid == control->owner)) {
        *pid = peer.pid;
        return true;
    }
    (void)!send(fd, refusal, sizeof(refusal) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    return false;
}

/* can_take_another() must hold. */
static struct client *
free_place(struct control *control)
{
    struct client *client = control->clients;

    if (control->count == CONTROL_CLIENTS_MAX)
        drop_control_client(oldest_silent(control));
    while (client->stream != NULL)
        client++;
    return client;
}

static void
accept_client(struct control *control, int fd)
{
    struct client *client;
    pid_t pid;

    if (!is_allowed(control, fd, &pid)) {
        close(fd);
        return;
    }
    client = free_place(control);
    if (open_client(control, client, fd))
        client->pid = pid;
    else
        close(fd);
}

/* One client in a turn, and a pause when there is no descriptor for it, because
 * the listening socket stays readable. */
static void
on_client(evutil_socket_t listen_fd, short what, void *arg)
{
    struct control *control = arg;
    int fd;

    (void)what;
    if (!can_take_another(control))
        return; /* the next end of an answer listens again */
    fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        accept_client(control, fd);
    else if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
        timer_set(&control->retry, RETRY_AFTER);
        return;
    }
    listen_again(control);
}

static void
on_control_retry(void *arg)
{
    listen_again(arg);
}

struct control *
control_new(struct event_base *base, int listen_fd, uid_t owner,
    const struct control_handler *handler)
{
    struct control *control = calloc(1, sizeof(*control));

    if (control == NULL)
        return NULL;
    control->base = base;
    control->owner = owner;
    control->handler = *handler;
    control->listening =
        event_new(base, listen_fd, EV_READ, on_client, control);
    if (control->listening == NULL ||
        !timer_open(&control->retry, base, on_control_retry, control) ||
        event_add(control->listening, NULL) < 0) {
        control_free(control);
        return NULL;
    }
    return control;
}

void
control_free(struct control *control)
{
    if (control == NULL)
        return;
    control->closed = true;
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        if (control->clients[i].stream != NULL)
            drop_control_client(&control->clients[i]);
    if (control->listening != NULL)
        event_free(control->listening);
    timer_close(&control->retry);
    free(control);
}

void
control_stop_accepting(struct control *control)
{
    control->closed = true;
    event_del(control->listening);
    timer_stop(&control->retry);
}

void
control_end(struct control *control, const char *why)
{
    control_stop_accepting(control);
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct client *client = &control->clients[i];

        if (client->stream == NULL || client->state == CLIENT_READS)
            continue;
        if (client->state == CLIENT_ASKS) {
            drop_control_client(client);
            continue;
        }
        append_to_answer(client, why, strlen(why));
        finish_answer(client, CONTROL_FAILED);
    }
}

size_t
control_clients(const struct control *control)
{
    return control->count;
}
