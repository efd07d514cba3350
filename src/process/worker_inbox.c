#include "process/worker_inbox.h"

#include <event2/event.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "net/loop.h"
#include "process/sockets.h"
#include "process/worker_word.h"
#include "relay/door.h"
#include "relay/limits.h"
#include "relay/relay.h"
#include "relay/service.h"

enum {
    WORDS_PER_WAKE = 64, /* then the other events have their turn */
    EXHAUSTED_PAUSE_MS = 100,
};

static bool
send_word(int to, const struct worker_word *word, int fd)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = { .bytes = { 0 } };
    struct iovec part = { (void *)word, sizeof(*word) };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    struct cmsghdr *header;

    if (fd >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof(int));
    }
    return to >= 0 &&
        sendmsg(to, &message, MSG_DONTWAIT | MSG_NOSIGNAL) ==
        (ssize_t)sizeof(*word);
}

static int
peer(const struct worker_inbox *inbox, unsigned slot)
{
    return slot < BOARD_SLOTS ? inbox->peers[slot] : -1;
}

void
worker_inbox_send_room(int fd)
{
    static const struct worker_word room = { .kind = WORKER_WORD_ROOM };

    (void)send_word(fd, &room, -1);
}

/* A full inbox holds other words that wake its reader as well. */
void
worker_inbox_wake(struct worker_inbox *inbox, unsigned slot)
{
    worker_inbox_send_room(peer(inbox, slot));
}

bool
worker_inbox_hand_over(struct worker_inbox *inbox, unsigned slot,
    struct door *door, int fd, const struct address *client)
{
    const struct worker_word word = {
        .kind = WORKER_WORD_CONNECTION,
        .tls = door_is_tls(door),
        .service = door_service(door)->index,
        .address = socket_address_id(door_id(door)),
        .client = *client,
    };

    return send_word(peer(inbox, slot), &word, fd);
}

/* The descriptor that came along; -1: none. */
static int
descriptor_of(struct msghdr *message)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    int fd;

    if (header == NULL || header->cmsg_level != SOL_SOCKET ||
        header->cmsg_type != SCM_RIGHTS ||
        header->cmsg_len != CMSG_LEN(sizeof(fd)))
        return -1;
    memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    return fd;
}

/* Each worker has sockets of its own for the same address. */
static struct door *
find_door(const struct relay *relay, uint64_t address)
{
    struct door *door = relay->doors;

    while (door != NULL && socket_address_id(door_id(door)) != address)
        door = door_next(door);
    return door;
}

/* The door has been closed meanwhile; the client is let in all the same, as
 * those are who were in the kernel's queue. */
static struct service *
find_service(const struct relay *relay, unsigned index)
{
    for (size_t i = 0; i < relay->service_count; i++)
        if (relay->services[i]->index == index && index != BOARD_ALL)
            return relay->services[i];
    return NULL;
}

static void
take(struct relay *relay, const struct worker_word *word, int fd)
{
    struct door *door = find_door(relay, word->address);
    struct service *service = find_service(relay, word->service);

    if (door == NULL && service != NULL)
        door_take_closed(relay, service, word->tls != 0, fd, &word->client);
    else
        door_take(relay, door, fd, word->service, &word->client);
}

/* A connection whose descriptor did not come was counted in all the same. */
static void
hear(struct worker_inbox *inbox, const struct worker_word *word, int fd)
{
    struct relay *relay = inbox->relay;
    bool connects = word->kind == WORKER_WORD_CONNECTION;

    if (connects && fd >= 0 && fd_set_nonblocking(fd)) {
        take(relay, word, fd);
        return;
    }
    if (fd >= 0)
        close(fd);
    if (connects)
        limits_leave(relay, word->service);
    else
        limits_recheck(relay);
}

/* False: nothing is there.  Another worker may have been taken over: a word that
 * is not in order is dropped, and its descriptor with it.  So is an empty one:
 * the senders' going away says nothing here (worker_inbox_pair()). */
static bool
read_word(struct worker_inbox *inbox)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct worker_word said, word;
    struct iovec part = { &said, sizeof(said) };
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        /* Not CMSG_SPACE: its padding would be room for a second one. */
        .msg_controllen = CMSG_LEN(sizeof(int)),
    };
    ssize_t got =
        recvmsg(inbox->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    int fd;

    if (got < 0)
        return errno == EINTR;
    fd = descriptor_of(&message);
    if ((message.msg_flags & MSG_TRUNC) == 0 &&
        worker_word_judge(&said, (size_t)got, &word))
        hear(inbox, &word, fd);
    else if (fd >= 0)
        close(fd);
    return true;
}

void
worker_inbox_empty(struct worker_inbox *inbox)
{
    while (read_word(inbox))
        continue;
}

/* A descriptor for which there is no room would be lost, and the client with
 * it. */
static bool
has_descriptor(const struct worker_inbox *inbox)
{
    int fd = fcntl(inbox->fd, F_DUPFD_CLOEXEC, 0);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void
pause_exhausted(struct worker_inbox *inbox)
{
    struct timeval pause = clock_span(EXHAUSTED_PAUSE_MS);

    if (loop_may_log_exhaustion(inbox->relay->loop))
        log_warn(NULL, "accepting from other workers pauses: %m; raise "
            "LimitNOFILE, or lower max_connections");
    event_del(inbox->readable);
    event_add(inbox->retry, &pause);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct worker_inbox *inbox = arg;

    (void)fd;
    (void)what;
    for (int i = 0; i < WORDS_PER_WAKE; i++) {
        if (!has_descriptor(inbox)) {
            pause_exhausted(inbox);
            break;
        }
        if (!read_word(inbox))
            break;
    }
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
    struct worker_inbox *inbox = arg;

    (void)fd;
    (void)what;
    event_add(inbox->readable, NULL);
}

bool
worker_inbox_pair(int *read_fd, int *send_fd)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
            pair) < 0)
        return false;
    *read_fd = pair[0];
    *send_fd = pair[1];
    return true;
}

bool
worker_inbox_open(struct worker_inbox *inbox, struct relay *relay, int fd)
{
    inbox->relay = relay;
    inbox->fd = fd;
    for (unsigned i = 0; i < BOARD_SLOTS; i++)
        inbox->peers[i] = -1;
    inbox->readable = event_new(
        relay->loop->base, fd, EV_READ | EV_PERSIST, on_readable, inbox);
    inbox->retry = evtimer_new(relay->loop->base, on_retry, inbox);
    return inbox->readable != NULL && inbox->retry != NULL;
}

bool
worker_inbox_watch(struct worker_inbox *inbox)
{
    return event_add(inbox->readable, NULL) == 0;
}

void
worker_inbox_end(struct worker_inbox *inbox)
{
    (void)shutdown(inbox->fd, SHUT_RD);
    worker_inbox_empty(inbox);
    event_del(inbox->readable); /* a socket shut down is always readable */
}

void
worker_inbox_close(struct worker_inbox *inbox)
{
    if (inbox->readable == NULL)
        return;
    event_free(inbox->readable);
    if (inbox->retry != NULL)
        event_free(inbox->retry);
    close(inbox->fd);
    for (unsigned i = 0; i < BOARD_SLOTS; i++)
        worker_inbox_introduce(inbox, i, -1);
}

void
worker_inbox_introduce(struct worker_inbox *inbox, unsigned slot, int fd)
{
    if (slot >= BOARD_SLOTS) {
        if (fd >= 0)
            close(fd);
        return;
    }
    if (inbox->peers[slot] >= 0)
        close(inbox->peers[slot]);
    inbox->peers[slot] = fd;
}
