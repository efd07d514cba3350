#include "ipc/message_socket.h"

#include <event2/event.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/descriptors.h"
#include "ipc/channel.h"
#include "net/listen_table.h"
#include "net/wire.h"

/* From a master to a worker, and a trial to a master. */
static struct event_base *base;
static struct channel *sender, *receiver;

/* What the receiver has got. */
static struct {
    size_t count;
    bool ended;
    bool serve;
    uint64_t id;
    struct listener_socket socket;
    struct socket_use use;
} got;

static void
on_message(void *arg, const struct message *message, const int *fds)
{
    const struct message_socket *fixed = message->payload;

    (void)arg;
    cr_assert(
        message_socket_read(message, fds[0], &got.socket, &got.use));
    got.count++;
    got.id = fixed->id;
    got.serve = fixed->serve;
}

static channel_message_fn *const handlers[] = {
    [0 ... MESSAGE_TYPE_COUNT - 1] = on_message,
};

static void
on_ended(void *arg, const char *why)
{
    (void)arg;
    (void)why;
    got.ended = true;
}

static void
open_channel(enum role from, enum role to)
{
    int fds[2];

    memset(&got, 0, sizeof(got));
    base = event_base_new();
    cr_assert(channel_pair(fds));
    sender =
        channel_new(base, fds[0], from, to, handlers, on_ended, NULL);
    receiver =
        channel_new(base, fds[1], to, from, handlers, on_ended, NULL);
    cr_assert(sender != NULL && receiver != NULL);
}

static void
close_channel(void)
{
    channel_free(sender);
    channel_free(receiver);
    event_base_free(base);
}

TestSuite(socket_message, .timeout = 30);

static bool
is_same_file(int a, int b)
{
    struct stat left, right;

    return fstat(a, &left) == 0 && fstat(b, &right) == 0 &&
        left.st_ino == right.st_ino && left.st_dev == right.st_dev;
}

static void
expect_same_file(int fd)
{
    cr_expect_neq(got.socket.fd, fd);
    cr_expect(is_same_file(got.socket.fd, fd));
    cr_expect(fcntl(got.socket.fd, F_GETFD) & FD_CLOEXEC);
}

static void
pass(enum message_type type, const struct listen_socket *held, bool serve)
{
    got.count = 0;
    message_socket_send(sender, type, held, &held->next, serve);
    while (got.count == 0 && !got.ended)
        event_base_loop(base, EVLOOP_ONCE);
}

static void
expect_same(const struct listen_socket *held, bool serve)
{
    const struct listener_socket *socket = &held->socket;

    cr_assert_eq(got.count, 1, "%s", socket->text);
    cr_expect_eq(got.id, held->id);
    cr_expect_eq(got.serve, serve);
    cr_expect_eq(got.use.service, held->next.service);
    cr_expect_eq(got.use.endpoint, held->next.endpoint);
    cr_expect_eq(got.use.tls, held->next.tls);
    cr_expect_eq(got.socket.index, socket->index);
    cr_expect_str_eq(got.socket.text, socket->text);
    cr_expect_eq(got.socket.path == NULL, socket->path == NULL);
    if (socket->path != NULL)
        cr_expect_str_eq(got.socket.path, socket->path);
    cr_expect_eq(got.socket.device, socket->device);
    cr_expect_eq(got.socket.inode, socket->inode);
    if (socket->fd >= 0)
        expect_same_file(socket->fd);
    else
        cr_expect_eq(got.socket.fd, -1);
    listener_socket_leave(&got.socket);
}

/* As long as an address's text can be. */
static char *
longest_text(void)
{
    static char text[MESSAGE_KEY_MAX + 1];

    snprintf(text, sizeof(text), "unix:@%0*d", MESSAGE_KEY_MAX - 6, 0);
    return text;
}

static char *
longest_path(void)
{
    static char path[MESSAGE_PATH_MAX + 1];

    memset(path, 'y', MESSAGE_PATH_MAX);
    path[0] = '/';
    return path;
}

Test(socket_message, arrives_as_it_was_sent)
{
    const struct listen_socket cases[] = {
        { .id = 1, .socket = { .text = (char *)"127.0.0.1:80" } },
        { .id = UINT64_MAX, .socket = { .text = (char *)"[::1]:80",
            .index = MESSAGE_SOCKETS_MAX - 1 },
          .next = { .service = UINT32_MAX, .endpoint = 3, .tls = true } },
        { .id = 5 << SOCKET_INDEX_BITS, .socket = {
            .text = (char *)"unix:/run/x", .path = (char *)"/run/x",
            .device = (dev_t)-1, .inode = (ino_t)-1 },
          .next = { .service = 7, .tls = true } },
        { .id = 9, .socket = { .text = (char *)"unix:@x" } },
        { .id = 9, .socket = { .text = longest_text(),
            .path = longest_path() } },
    };
    static const struct {
        enum role from, to;
        enum message_type type;
    } ways[] = {
        { ROLE_MASTER, ROLE_WORKER, MESSAGE_SOCKET },
        { ROLE_TRIAL, ROLE_MASTER, MESSAGE_BOUND },
        { ROLE_MASTER, ROLE_SUCCESSOR, MESSAGE_SOCKET },
        { ROLE_MASTER, ROLE_TRIAL, MESSAGE_HELD },
        { ROLE_TRIAL, ROLE_MASTER, MESSAGE_WANTED },
    };
    uint16_t port;
    int fd = wire_listen(false, 1, &port);
    size_t before;

    for (size_t i = 0; i < COUNT(ways); i++) {
        open_channel(ways[i].from, ways[i].to);
        before = descriptors_count();
        for (size_t j = 0; j < COUNT(cases); j++) {
            struct listen_socket held = cases[j];

            held.socket.fd = message_info(ways[i].type)->fds > 0 ? fd : -1;
            pass(ways[i].type, &held, true);
            expect_same(&held, true);
            pass(ways[i].type, &held, false);
            expect_same(&held, false);
        }
        cr_expect_eq(descriptors_count(), before);
        close_channel();
    }
    close(fd);
}

/* The receiver judges: it ends the channel and closes what came. */
Test(socket_message, is_refused_when_it_is_too_long)
{
    static char path[MESSAGE_PATH_MAX + 2];
    const struct listen_socket cases[] = {
        { .id = 1, .socket = { .text = (char *)"" } },
        { .id = 1, .socket = { .text = (char *)"x",
            .index = MESSAGE_SOCKETS_MAX } },
        { .id = 1, .socket = { .text = (char *)"x", .path = path } },
        { .id = 1, .socket = { .text = (char *)"x",
            .path = (char *)"relative" } },
    };
    uint16_t port;
    int fd = wire_listen(false, 1, &port);

    memset(path, 'y', sizeof(path) - 1);
    path[0] = '/';
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct listen_socket held = cases[i];
        size_t before = descriptors_count();

        held.socket.fd = fd;
        open_channel(ROLE_TRIAL, ROLE_MASTER);
        pass(MESSAGE_BOUND, &held, true);
        cr_expect(got.ended, "case %zu", i);
        cr_expect_eq(got.count, 0);
        close_channel();
        cr_expect_eq(descriptors_count(), before);
    }
    close(fd);
}
