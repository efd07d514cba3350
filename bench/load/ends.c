#include "ends.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "pattern.h"
#include "tls.h"

enum { OPENING_MAX = 64, ACCEPTS_PER_EVENT = 64 };

static const struct options *options;
static const struct mode *mode;
static SSL_CTX *client_context, *server_context;
static struct watch listener;
static struct pair *pairs;
static unsigned next_to_open, opening;
static bool opening_all;
static unsigned long dirty_ends;

static void on_event(struct watch *watch, uint32_t events);

void
end_watch(struct end *end, uint32_t events)
{
    if (end->link.length > end->link.start)
        events |= EPOLLOUT;
    loop_watch(&end->link.watch, events);
}

static struct end *
new_end(int fd, bool is_client)
{
    SSL_CTX *context = is_client ? client_context : server_context;
    struct end *end = calloc(1, sizeof(*end));
    int on = !options->nagle;

    if (end == NULL)
        fail("out of memory");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    end->is_client = is_client;
    link_open(&end->link, fd, context, !is_client);
    end->link.watch.ready = on_event;
    return end;
}

static void
fill_greeting(uint8_t *greeting, const struct pair *pair)
{
    memcpy(greeting, pattern_at(pair->id, pair->serial), GREETING_SIZE);
    memcpy(greeting, &pair->id, sizeof(pair->id));
    memcpy(greeting + 4, &pair->serial, sizeof(pair->serial));
}

static struct sockaddr_in
loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
}

void
pair_open(struct pair *pair)
{
    struct sockaddr_in to = loopback(options->connect_port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        fail("socket: %s", strerror(errno));
    if (options->receive_buffer > 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &options->receive_buffer,
            sizeof(options->receive_buffer));
    pair->serial++;
    pair->sent = pair->received = 0;
    pair->open = pair->closing = false;
    pair->started_ns = now_ns();
    pair->client = new_end(fd, true);
    pair->client->pair = pair;
    if (pair->client->link.ssl != NULL && options->resume)
        tls_offer_session(pair->client->link.ssl);
    opening++;
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 &&
        errno != EINPROGRESS)
        fail("connect: %s", strerror(errno));
    end_watch(pair->client, EPOLLOUT);
}

static void
open_more(void)
{
    while (opening_all && opening < OPENING_MAX &&
        next_to_open < options->connections)
        pair_open(&pairs[next_to_open++]);
}

void
ends_open_all(void)
{
    next_to_open = 0;
    opening_all = true;
    open_more();
}

struct pair *
pair_number(unsigned number)
{
    return &pairs[number];
}

void
pair_close(struct pair *pair)
{
    pair->closing = true;
    pair->client->state = END_CLOSING;
    link_finish(&pair->client->link);
    end_watch(pair->client, EPOLLIN);
}

/* This end is gone; with the other one, so is the pair. */
static void
end_gone(struct end *end)
{
    struct pair *pair = end->pair;

    link_close(&end->link);
    loop_bury(end);
    if (pair == NULL)
        return;
    if (end->is_client)
        pair->client = NULL;
    else
        pair->server = NULL;
    if (pair->client == NULL && pair->server == NULL && mode->closed != NULL)
        mode->closed(pair);
}

static void
end_ended(struct end *end, enum link_result how)
{
    if (end->pair == NULL || !end->pair->closing)
        fail("connection %d: the relay %s the %s too early",
            end->pair != NULL ? (int)end->pair->id : -1,
            how == LINK_END ? "closed" : "reset",
            end->is_client ? "client" : "server");
    if (how == LINK_FAILED)
        dirty_ends++;
    else
        link_finish(&end->link);
    end_gone(end);
}

bool
end_read(struct end *end, uint8_t *data, size_t size, size_t *got)
{
    enum link_result result = link_read(&end->link, data, size, got);

    if (result == LINK_END || result == LINK_FAILED)
        end_ended(end, result);
    return result == LINK_OK;
}

bool
end_read_greeting(struct end *end)
{
    size_t n;

    while (end->got < GREETING_SIZE) {
        if (!end_read(
                end, end->buffer + end->got, GREETING_SIZE - end->got, &n))
            return false;
        end->got += n;
    }
    end->got = 0;
    return true;
}

void
end_send_greeting(struct end *end, const uint8_t *data)
{
    if (link_write(&end->link, data, GREETING_SIZE) != GREETING_SIZE)
        fail("connection %u: 64 bytes cannot be sent", end->pair->id);
}

static void
end_opened(struct end *end)
{
    struct pair *pair = end->pair;

    end->state = END_OPEN;
    end_watch(end, EPOLLIN);
    if (!end->is_client)
        return;
    pair->open = true;
    opening--;
    if (mode->opened != NULL)
        mode->opened(pair);
    open_more();
}

/* A server has the greeting: whose is it? */
static void
meet(struct end *end)
{
    uint8_t expected[GREETING_SIZE];
    uint32_t id, serial;
    struct pair *pair;

    memcpy(&id, end->buffer, sizeof(id));
    memcpy(&serial, end->buffer + 4, sizeof(serial));
    if (id >= options->connections)
        fail("a greeting was corrupted");
    pair = &pairs[id];
    fill_greeting(expected, pair);
    if (pair->server != NULL || serial != pair->serial ||
        memcmp(expected, end->buffer, GREETING_SIZE) != 0)
        fail("connection %u: its greeting was corrupted", id);
    end->pair = pair;
    pair->server = end;
    end_send_greeting(end, end->buffer);
}

static void
check_answer(struct end *end)
{
    uint8_t expected[GREETING_SIZE];

    fill_greeting(expected, end->pair);
    if (memcmp(expected, end->buffer, GREETING_SIZE) != 0)
        fail("connection %u: its answer was corrupted", end->pair->id);
}

static void
read_greeting(struct end *end)
{
    if (!end_read_greeting(end))
        return;
    if (end->is_client)
        check_answer(end);
    else
        meet(end);
    end_opened(end);
}

static void
begin_greeting(struct end *end)
{
    uint8_t greeting[GREETING_SIZE];

    end->state = END_GREETING;
    if (end->is_client) {
        fill_greeting(greeting, end->pair);
        end_send_greeting(end, greeting);
    }
    end_watch(end, EPOLLIN);
    if (!end->is_client)
        read_greeting(end);
}

static void
secure(struct end *end)
{
    if (end->link.ssl != NULL) {
        enum link_result result = link_handshake(&end->link);

        if (result == LINK_AGAIN) {
            end_watch(end, EPOLLIN);
            return;
        }
        if (result != LINK_OK)
            fail("a TLS handshake with the %s failed",
                end->is_client ? "client" : "server");
        tls_count(end->link.ssl);
    }
    begin_greeting(end);
}

static void
connected(struct end *end)
{
    int error = 0;
    socklen_t length = sizeof(error);

    getsockopt(
        end->link.watch.fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0)
        fail("cannot connect to the relay: %s", strerror(error));
    if (mode->server_closes) {
        end->state = END_CLOSING;
        end->pair->closing = true;
        end_watch(end, EPOLLIN);
        return;
    }
    end->state = END_SECURING;
    secure(end);
}

/* Nothing may come any more but the end. */
static void
await_end(struct end *end)
{
    uint8_t byte;
    size_t n;

    if (end_read(end, &byte, 1, &n))
        fail("connection %u: more bytes than were sent", end->pair->id);
}

static void
on_open_event(struct end *end, uint32_t events)
{
    struct pair *pair = end->pair;

    if (events & EPOLLOUT) {
        if (mode->writable != NULL)
            mode->writable(end);
        else if (link_flush(&end->link))
            end_watch(end, EPOLLIN);
    }
    /* The mode may have closed it. */
    if ((events & ~EPOLLOUT) != 0 &&
        (pair->client == end || pair->server == end) &&
        end->state == END_OPEN)
        mode->readable(end);
}

static void
on_event(struct watch *watch, uint32_t events)
{
    struct end *end = (struct end *)watch;

    switch (end->state) {
    case END_CONNECTING:
        connected(end);
        break;
    case END_SECURING:
        link_flush(&end->link);
        secure(end);
        break;
    case END_GREETING:
        link_flush(&end->link);
        end_watch(end, EPOLLIN);
        read_greeting(end);
        break;
    case END_OPEN:
        on_open_event(end, events);
        break;
    case END_CLOSING:
        await_end(end);
        break;
    }
}

static void
on_accept(struct watch *watch, uint32_t events)
{
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_EVENT; i++) {
        int fd = accept4(
            watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        struct end *end;

        if (fd < 0 && errno != EAGAIN)
            fail("accept: %s", strerror(errno));
        if (fd < 0)
            return;
        if (mode->server_closes) {
            close(fd);
            continue;
        }
        end = new_end(fd, false);
        end->state = END_SECURING;
        end_watch(end, EPOLLIN);
    }
}

static void
listen_for_relay(void)
{
    struct sockaddr_in at = loopback(options->listen_port);
    int on = 1;

    listener.fd =
        socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    listener.ready = on_accept;
    if (listener.fd < 0 ||
        setsockopt(
            listener.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(listener.fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
        listen(listener.fd, 16384) < 0)
        fail("listen: %s", strerror(errno));
    loop_watch(&listener, EPOLLIN);
}

void
ends_prepare(const struct options *chosen, const struct mode *chosen_mode)
{
    options = chosen;
    mode = chosen_mode;
    pairs = calloc(options->connections, sizeof(*pairs));
    if (pairs == NULL)
        fail("out of memory");
    for (unsigned i = 0; i < options->connections; i++)
        pairs[i].id = i;
    if (options->client_tls)
        client_context = tls_client_context(options);
    if (options->server_tls)
        server_context = tls_server_context(options);
    listen_for_relay();
}

void
ends_print(FILE *out)
{
    fprintf(out, "\"dirty_ends\":%lu,", dirty_ends);
}

void
ends_free(void)
{
    for (unsigned i = 0; i < options->connections; i++) {
        if (pairs[i].client != NULL)
            link_close(&pairs[i].client->link);
        if (pairs[i].server != NULL)
            link_close(&pairs[i].server->link);
        free(pairs[i].client);
        free(pairs[i].server);
    }
    free(pairs);
    loop_close(&listener);
    tls_free_sessions();
    SSL_CTX_free(client_context);
    SSL_CTX_free(server_context);
}
