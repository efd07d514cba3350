#include "cli/demo_server.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bounds for strangers that find the port: the demo must not fill memory. */
enum {
    VISITORS_MAX = 120,      /* a few more than the relay sends */
    FIRST_LINE_MAX = 8 << 10,
    HEADERS_MAX = 64 << 10,
    ECHO_QUEUE_MAX = 256 << 10,
    GOODBYE_S = 5,
};

struct server {
    struct event_base *base;
    struct evconnlistener *listener;
    struct event *end;
    struct event *hangup;
    LIST_HEAD(, visitor) visitors;
    const char *page;
    size_t count;
    pid_t parent;
};

/* What has been made of a visitor's first line. */
enum speech { SPEECH_UNKNOWN, SPEECH_HTTP, SPEECH_OTHER };

struct visitor {
    LIST_ENTRY(visitor) entry;
    struct server *server;
    struct bufferevent *io;
    enum speech speech;
    bool head;     /* HTTP: HEAD was asked */
    bool unknown;  /* HTTP: neither GET nor HEAD */
    bool answered; /* what still comes is thrown away */
    bool ended;    /* the visitor sends no more */
};

static void
visitor_free(struct visitor *visitor)
{
    struct server *server = visitor->server;

    LIST_REMOVE(visitor, entry);
    bufferevent_free(visitor->io);
    free(visitor);
    if (server->count-- == VISITORS_MAX)
        evconnlistener_enable(server->listener);
}

static void
answer_visitor(struct visitor *visitor)
{
    static const struct timeval goodbye = { .tv_sec = GOODBYE_S };
    const char *page =
        visitor->unknown ? "Only GET and HEAD here.\n" : visitor->server->page;

    evbuffer_add_printf(bufferevent_get_output(visitor->io),
        "HTTP/1.1 %s\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Length: %zu\r\n"
        "Connection: close\r\n"
        "\r\n"
        "%s",
        visitor->unknown ? "405 Method Not Allowed\r\nAllow: GET, HEAD"
                         : "200 OK",
        strlen(page), visitor->head ? "" : page);
    visitor->answered = true;
    bufferevent_set_timeouts(visitor->io, &goodbye, &goodbye);
}

/* "GET /path HTTP/1.1": a method, a target and a version. */
static bool
is_request(const char *line)
{
    const char *version = strrchr(line, ' ');

    return version != NULL && strchr(line, ' ') != version &&
        strncmp(version, " HTTP/1.", 8) == 0;
}

/* Waits for the whole first line, unless it is too long for one. */
static void
judge_first_line(struct visitor *visitor, struct evbuffer *input)
{
    char line[FIRST_LINE_MAX + 1];
    size_t length = evbuffer_get_length(input);
    ssize_t got = evbuffer_copyout(input, line, FIRST_LINE_MAX);
    char *end = got > 0 ? memchr(line, '\n', (size_t)got) : NULL;

    if (end == NULL && length < FIRST_LINE_MAX && !visitor->ended)
        return;
    visitor->speech = SPEECH_OTHER;
    if (end == NULL)
        return;
    *end = '\0';
    if (!is_request(line))
        return;
    visitor->speech = SPEECH_HTTP;
    visitor->head = strncmp(line, "HEAD ", 5) == 0;
    visitor->unknown = !visitor->head && strncmp(line, "GET ", 4) != 0;
}

/* The headers say nothing that the answer depends on. */
static void
skip_headers(struct visitor *visitor, struct evbuffer *input)
{
    size_t length = 1;
    char *line;

    if (evbuffer_get_length(input) > HEADERS_MAX)
        visitor->unknown = true;
    while (length > 0 && !visitor->unknown) {
        line = evbuffer_readln(input, &length, EVBUFFER_EOL_CRLF);
        if (line == NULL)
            return;
        free(line);
    }
    answer_visitor(visitor);
}

/* Sends back what came, but stops reading from a visitor that does not read;
 * on_write() goes on. */
static void
echo_input(struct visitor *visitor, struct evbuffer *input)
{
    struct evbuffer *output = bufferevent_get_output(visitor->io);

    evbuffer_add_buffer(output, input);
    if (evbuffer_get_length(output) > ECHO_QUEUE_MAX)
        bufferevent_disable(visitor->io, EV_READ);
}

static void
on_visitor_read(struct bufferevent *io, void *arg)
{
    struct visitor *visitor = arg;
    struct evbuffer *input = bufferevent_get_input(io);

    if (visitor->speech == SPEECH_UNKNOWN)
        judge_first_line(visitor, input);
    if (visitor->answered)
        evbuffer_drain(input, evbuffer_get_length(input));
    else if (visitor->speech == SPEECH_HTTP)
        skip_headers(visitor, input);
    else if (visitor->speech == SPEECH_OTHER)
        echo_input(visitor, input);
}

/* All that was written is out. */
static void
on_write(struct bufferevent *io, void *arg)
{
    struct visitor *visitor = arg;

    if (visitor->ended) {
        visitor_free(visitor);
        return;
    }
    /* Closing now could reset what the visitor has not read yet. */
    if (visitor->answered)
        shutdown(bufferevent_getfd(io), SHUT_WR);
    bufferevent_enable(io, EV_READ);
}

static void
on_visitor_event(struct bufferevent *io, short what, void *arg)
{
    struct visitor *visitor = arg;

    if (what & BEV_EVENT_EOF) {
        visitor->ended = true;
        on_visitor_read(io, visitor);
        if (evbuffer_get_length(bufferevent_get_output(io)) > 0)
            return;
    }
    visitor_free(visitor);
}

static void
on_visitor(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *address, int length, void *arg)
{
    struct server *server = arg;
    struct visitor *visitor = calloc(1, sizeof(*visitor));
    struct bufferevent *io = visitor != NULL
        ? bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE)
        : NULL;

    (void)address, (void)length;
    if (io == NULL) {
        free(visitor);
        close(fd);
        return;
    }
    visitor->server = server;
    visitor->io = io;
    LIST_INSERT_HEAD(&server->visitors, visitor, entry);
    bufferevent_setcb(io, on_visitor_read, on_write, on_visitor_event, visitor);
    bufferevent_enable(io, EV_READ | EV_WRITE);
    if (++server->count == VISITORS_MAX)
        evconnlistener_disable(listener);
}

static void
on_lifeline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    event_base_loopexit(arg, NULL);
}

/* The relay stays when its terminal closes, as a daemon should; a demo should
 * not, so this process, which hears of it too, has the relay stop. */
static void
on_hangup(evutil_socket_t number, short what, void *arg)
{
    const struct server *server = arg;

    (void)number, (void)what;
    if (getppid() == server->parent)
        kill(server->parent, SIGTERM);
}

static bool
begin_server(struct server *server, int listening, int lifeline)
{
    server->base = event_base_new();
    if (server->base == NULL)
        return false;
    server->end =
        event_new(server->base, lifeline, EV_READ, on_lifeline, server->base);
    server->hangup = evsignal_new(server->base, SIGHUP, on_hangup, server);
    server->listener = evconnlistener_new(server->base, on_visitor, server,
        LEV_OPT_CLOSE_ON_EXEC, 0, listening);
    return server->end != NULL && server->hangup != NULL &&
        server->listener != NULL && event_add(server->end, NULL) == 0 &&
        event_add(server->hangup, NULL) == 0;
}

static void
free_server(struct server *server)
{
    while (!LIST_EMPTY(&server->visitors))
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it is off the list */
        visitor_free(LIST_FIRST(&server->visitors));
    if (server->listener != NULL)
        evconnlistener_free(server->listener);
    if (server->end != NULL)
        event_free(server->end);
    if (server->hangup != NULL)
        event_free(server->hangup);
    if (server->base != NULL)
        event_base_free(server->base);
}

bool
demo_server_run(int listening, int lifeline, pid_t parent, const char *page)
{
    struct server server = { .page = page, .parent = parent };
    bool began = begin_server(&server, listening, lifeline);

    if (began)
        event_base_dispatch(server.base);
    free_server(&server);
    return began;
}
