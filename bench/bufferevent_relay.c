/*
 * The relay that one writes with libevent's bufferevents and nothing else: the
 * baseline that every result is compared with.
 *
 * usage: bufferevent_relay LISTEN-PORT CONNECT-PORT [--cert FILE --key FILE]
 *            [--connect-ca FILE]
 *
 * With --cert clients speak TLS, with --connect-ca the server does.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Reading stops while more than this waits on the other side. */
enum { HIGH_WATER = 512 << 10, LOW_WATER = 128 << 10 };

struct side {
    struct bufferevent *events;
    struct side *other;
    struct conn *conn;
    int ended;
};

struct conn {
    struct side client, server;
};

static struct event_base *base;
static SSL_CTX *accept_context, *connect_context;
static struct sockaddr_in target;

static void
conn_free(struct conn *conn)
{
    bufferevent_free(conn->client.events);
    bufferevent_free(conn->server.events);
    free(conn);
}

static void
on_read(struct bufferevent *from, void *arg)
{
    struct side *side = arg;
    struct bufferevent *to = side->other->events;

    bufferevent_read_buffer(from, bufferevent_get_output(to));
    if (evbuffer_get_length(bufferevent_get_output(to)) < HIGH_WATER)
        return;
    bufferevent_disable(from, EV_READ);
    bufferevent_setwatermark(to, EV_WRITE, LOW_WATER, 0);
}

/* The output is low or empty: the other side may be read again. */
static void
on_write(struct bufferevent *to, void *arg)
{
    struct side *side = arg;

    if (side->other->ended) {
        if (evbuffer_get_length(bufferevent_get_output(to)) == 0)
            conn_free(side->conn);
        return;
    }
    bufferevent_setwatermark(to, EV_WRITE, 0, 0);
    bufferevent_enable(side->other->events, EV_READ);
}

static void
on_event(struct bufferevent *events, short what, void *arg)
{
    struct side *side = arg;
    struct bufferevent *to = side->other->events;

    (void)events;
    if (!(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)))
        return;
    side->ended = 1;
    bufferevent_read_buffer(side->events, bufferevent_get_output(to));
    bufferevent_setwatermark(to, EV_WRITE, 0, 0);
    if (side->other->ended ||
        evbuffer_get_length(bufferevent_get_output(to)) == 0)
        conn_free(side->conn);
}

static struct bufferevent *
new_events(int fd, SSL_CTX *context, enum bufferevent_ssl_state state)
{
    struct bufferevent *events;
    SSL *ssl;

    if (context == NULL)
        return bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    ssl = SSL_new(context);
    if (ssl == NULL)
        return NULL;
    events = bufferevent_openssl_socket_new(
        base, fd, ssl, state, BEV_OPT_CLOSE_ON_FREE);
    if (events != NULL)
        bufferevent_openssl_set_allow_dirty_shutdown(events, 1);
    return events;
}

static void
no_delay(int fd)
{
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void
on_accept(evutil_socket_t listener, short what, void *arg)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct conn *conn;

    (void)what, (void)arg;
    if (fd < 0)
        return;
    conn = calloc(1, sizeof(*conn));
    if (conn == NULL)
        abort();
    conn->client = (struct side){ .other = &conn->server, .conn = conn };
    conn->server = (struct side){ .other = &conn->client, .conn = conn };
    conn->client.events =
        new_events(fd, accept_context, BUFFEREVENT_SSL_ACCEPTING);
    conn->server.events =
        new_events(-1, connect_context, BUFFEREVENT_SSL_CONNECTING);
    if (conn->client.events == NULL || conn->server.events == NULL)
        abort();
    bufferevent_setcb(
        conn->client.events, on_read, on_write, on_event, &conn->client);
    bufferevent_setcb(
        conn->server.events, on_read, on_write, on_event, &conn->server);
    bufferevent_socket_connect(
        conn->server.events, (struct sockaddr *)&target, sizeof(target));
    no_delay(fd);
    no_delay(bufferevent_getfd(conn->server.events));
    bufferevent_enable(conn->client.events, EV_READ | EV_WRITE);
    bufferevent_enable(conn->server.events, EV_READ | EV_WRITE);
}

static struct sockaddr_in
loopback(const char *port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)atoi(port)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
}

static int
listen_on(const char *port)
{
    struct sockaddr_in at = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
        listen(fd, 4096) < 0) {
        perror("bufferevent_relay");
        exit(1);
    }
    return fd;
}

static void
make_contexts(const char *cert, const char *key, const char *ca)
{
    if (cert != NULL) {
        accept_context = SSL_CTX_new(TLS_server_method());
        if (SSL_CTX_use_certificate_chain_file(accept_context, cert) != 1 ||
            SSL_CTX_use_PrivateKey_file(
                accept_context, key, SSL_FILETYPE_PEM) != 1)
            exit(1);
    }
    if (ca != NULL) {
        connect_context = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_verify(connect_context, SSL_VERIFY_PEER, NULL);
        if (SSL_CTX_load_verify_locations(connect_context, ca, NULL) != 1)
            exit(1);
    }
}

int
main(int argc, char **argv)
{
    static const struct option words[] = {
        { "cert", required_argument, NULL, 'c' },
        { "key", required_argument, NULL, 'k' },
        { "connect-ca", required_argument, NULL, 'a' },
        { NULL, 0, NULL, 0 },
    };
    const char *cert = NULL, *key = NULL, *ca = NULL;
    int word;

    while ((word = getopt_long(argc, argv, "", words, NULL)) != -1)
        *(word == 'c' ? &cert : word == 'k' ? &key : &ca) = optarg;
    if (argc - optind != 2 || (cert == NULL) != (key == NULL))
        return 2;
    signal(SIGPIPE, SIG_IGN);
    make_contexts(cert, key, ca);
    target = loopback(argv[optind + 1]);
    base = event_base_new();
    event_add(event_new(base, listen_on(argv[optind]), EV_READ | EV_PERSIST,
        on_accept, NULL), NULL);
    return event_base_dispatch(base);
}
