#include "roles/worker_handover.h"

#include <event2/event.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/fd_pass.h"
#include "base/log.h"
#include "net/listen_table.h"
#include "net/loop.h"
#include "relay/acceptor.h"
#include "relay/limits.h"
#include "relay/limits_handed.h"
#include "relay/relay.h"
#include "relay/service.h"
#include "roles/handover_message.h"

enum {
    MESSAGES_PER_WAKE = 16, /* of one worker; then the others have their turn */
    MESSAGES_MAX = 1024, /* of one worker, where all are read: more than a
                          * queue holds (net.unix.max_dgram_qlen) */
    EXHAUSTED_PAUSE_MS = 100,
};

struct handover_link {
    struct worker_handover *handover;
    unsigned slot; /* SCOREBOARD_SLOTS: of a process that has ended */
    int fd;
    struct event *readable; /* NULL: what is left */
};

static bool
send_handover_message(int to, const struct handover_message *word, int fd)
{
    union fd_pass pass;
    struct iovec part = { (void *)word, sizeof(*word) };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

    fd_pass_pack(&message, &pass, &fd, fd >= 0 ? 1 : 0);
    return to >= 0 &&
        sendmsg(to, &message, MSG_DONTWAIT | MSG_NOSIGNAL) ==
        (ssize_t)sizeof(*word);
}

static int
peer_descriptor(const struct worker_handover *handover, unsigned slot)
{
    return slot < SCOREBOARD_SLOTS && handover->links[slot] != NULL
        ? handover->links[slot]->fd
        : -1;
}

/* A full handover holds other messages that wake its reader as well. */
void
worker_handover_wake(struct worker_handover *handover, unsigned slot)
{
    static const struct handover_message room = { .kind = HANDOVER_ROOM };

    (void)send_handover_message(peer_descriptor(handover, slot), &room, -1);
}

bool
worker_handover_send(struct worker_handover *handover, unsigned slot,
    struct acceptor *acceptor, int fd, const struct address *client)
{
    const struct handover_message word = {
        .kind = HANDOVER_CONNECTION,
        .tls = acceptor_is_tls(acceptor),
        .service = acceptor_counted(acceptor),
        .address = socket_address_id(acceptor_id(acceptor)),
        .client = *client,
    };

    return send_handover_message(peer_descriptor(handover, slot), &word, fd);
}

bool
worker_handover_pass(void *arg, uint64_t acceptor, unsigned service, int fd,
    const struct address *client)
{
    struct worker_handover *handover = arg;
    const struct handover_message word = {
        .kind = HANDOVER_CONNECTION,
        .tls = 1,
        .service = service,
        .address = socket_address_id(acceptor),
        .client = *client,
    };

    for (unsigned i = 0; i < SCOREBOARD_SLOTS; i++) {
        handover->passed_to = (handover->passed_to + 1) % SCOREBOARD_SLOTS;
        if (send_handover_message(
                peer_descriptor(handover, handover->passed_to), &word, fd))
            return true;
    }
    return false;
}

/* Each worker has sockets of its own for the same address. */
static struct acceptor *
find_acceptor(const struct relay *relay, uint64_t address)
{
    struct acceptor *acceptor;

    LIST_FOREACH(acceptor, &relay->acceptors, entry)
        if (socket_address_id(acceptor_id(acceptor)) == address)
            return acceptor;
    return NULL;
}

/* For a client whose acceptor has been closed meanwhile: it is served all the
 * same, like clients in the kernel's queue. */
static struct service *
find_indexed_service(const struct relay *relay, unsigned index)
{
    for (size_t i = 0; i < relay->service_count; i++)
        if (relay->services[i]->index == index && index != SCOREBOARD_ALL)
            return relay->services[i];
    return NULL;
}

static void
take_client(struct relay *relay, const struct handover_message *word, int fd)
{
    struct acceptor *acceptor = find_acceptor(relay, word->address);
    struct service *service = find_indexed_service(relay, word->service);

    if (acceptor == NULL && service != NULL)
        acceptor_take_closed(relay, service, word->tls != 0, fd, &word->client);
    else
        acceptor_take(relay, acceptor, fd, word->service, &word->client);
}

static bool
tell_taken(void *arg, unsigned slot, unsigned service, uint32_t count)
{
    const struct worker_handover *handover = arg;
    const struct handover_message word = {
        .kind = HANDOVER_TAKEN,
        .service = service,
        .count = count,
    };

    /* Of one that is gone the master clears the count. */
    return peer_descriptor(handover, slot) < 0 ||
        send_handover_message(peer_descriptor(handover, slot), &word, -1) ||
        (errno != EAGAIN && errno != ENOBUFS);
}

/* Counts it in here, and then has the sender count it out. */
static void
count_taken(const struct handover_link *link,
    const struct handover_message *word)
{
    struct worker_handover *handover = link->handover;

    limits_take(handover->relay, word->service);
    if (!tell_taken(handover, link->slot, word->service, 1))
        handover_debts_add(&handover->debts, link->slot, word->service);
}

/* A connection whose descriptor did not come has to be counted out by its sender
 * all the same.  One that blocks is refused: no worker accepts such a one. */
static void
take_handover_message(const struct handover_link *link,
    const struct handover_message *word, int fd)
{
    struct relay *relay = link->handover->relay;
    bool connects = word->kind == HANDOVER_CONNECTION;

    if (connects)
        count_taken(link, word);
    if (connects && fd >= 0 && fd_is_nonblocking(fd)) {
        take_client(relay, word, fd);
        return;
    }
    if (fd >= 0)
        close(fd);
    if (connects)
        limits_leave(relay, word->service);
    else if (word->kind == HANDOVER_ROOM)
        limits_recheck(relay);
    else if (link->slot < SCOREBOARD_SLOTS)
        limits_handed(relay, link->slot, word->service, word->count);
}

/* False: nothing is there, and errno says why.  Another worker may have been
 * captured: a message that is not in order is dropped, and its descriptor with
 * it. */
static bool
read_handover_message(const struct handover_link *link)
{
    union fd_pass pass;
    struct handover_message said, word;
    struct iovec part = { &said, sizeof(said) };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    ssize_t got;
    int fd;

    fd_pass_expect(&message, &pass, 1);
    got = recvmsg(link->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0)
        return errno == EINTR;
    (void)fd_pass_unpack(&message, &fd, 1);
    if ((message.msg_flags & MSG_TRUNC) == 0 &&
        handover_message_judge(&said, (size_t)got, &word))
        take_handover_message(link, &word, fd);
    else if (fd >= 0)
        close(fd);
    return true;
}

static void
read_link_messages(const struct handover_link *link)
{
    for (unsigned i = 0; i < MESSAGES_MAX && read_handover_message(link); i++)
        continue;
}

void
worker_handover_empty(struct worker_handover *handover)
{
    for (unsigned i = 0; i < SCOREBOARD_SLOTS; i++)
        if (handover->links[i] != NULL)
            read_link_messages(handover->links[i]);
}

/* A descriptor for which there is no room would be lost, and the client with
 * it. */
static bool
has_descriptor(const struct handover_link *link)
{
    int fd = fcntl(link->fd, F_DUPFD_CLOEXEC, 0);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* Without memory for that it is tried again. */
static void
watch_link(const struct handover_link *link)
{
    if (event_add(link->readable, NULL) != 0)
        timer_set(&link->handover->retry, EXHAUSTED_PAUSE_MS);
}

static void
set_readable(struct worker_handover *handover, bool wanted)
{
    for (unsigned i = 0; i < SCOREBOARD_SLOTS; i++) {
        if (handover->links[i] == NULL)
            continue;
        if (wanted)
            watch_link(handover->links[i]);
        else
            event_del(handover->links[i]->readable);
    }
}

static void
pause_links_exhausted(struct worker_handover *handover)
{
    if (loop_may_log_exhaustion(handover->relay->loop))
        log_warn(NULL, "accepting from other workers pauses: %m; raise "
            "LimitNOFILE, or lower max_connections");
    set_readable(handover, false);
    timer_set(&handover->retry, EXHAUSTED_PAUSE_MS);
}

/* One that is broken, as connect(2) to AF_UNSPEC at the far end leaves it, has
 * nothing more to say. */
static void
on_link_readable(evutil_socket_t fd, short what, void *arg)
{
    struct handover_link *link = arg;
    struct worker_handover *handover = link->handover;

    (void)fd;
    (void)what;
    for (int i = 0; i < MESSAGES_PER_WAKE; i++) {
        if (!has_descriptor(link)) {
            pause_links_exhausted(handover);
            break;
        }
        if (read_handover_message(link))
            continue;
        if (errno != EAGAIN)
            event_del(link->readable);
        break;
    }
    /* A message that found no room among these was to say this. */
    limits_recheck(handover->relay);
}

static void
on_links_retry(void *arg)
{
    struct worker_handover *handover = arg;

    if (handover->watching)
        set_readable(handover, true);
}

bool
worker_handover_pair(int fds[2])
{
    return socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
               fds) == 0;
}

bool
worker_handover_open(struct worker_handover *handover, struct relay *relay)
{
    struct event_base *base = relay->loop->base;

    handover->relay = relay;
    return timer_open(&handover->retry, base, on_links_retry, handover) &&
        handover_debts_open(&handover->debts, base, tell_taken, handover);
}

void
worker_handover_watch(struct worker_handover *handover)
{
    handover->watching = true;
    set_readable(handover, true);
}

/* A socket that is shut down is always readable. */
void
worker_handover_end(struct worker_handover *handover)
{
    worker_handover_empty(handover);
    handover->watching = false;
    set_readable(handover, false);
    limits_forget_all(handover->relay);
}

static void
free_link(struct handover_link *link)
{
    if (link == NULL)
        return;
    if (link->readable != NULL)
        event_free(link->readable);
    close(link->fd);
    free(link);
}

void
worker_handover_close(struct worker_handover *handover)
{
    if (handover->relay == NULL)
        return;
    timer_close(&handover->retry);
    handover_debts_close(&handover->debts);
    for (unsigned i = 0; i < SCOREBOARD_SLOTS; i++)
        free_link(handover->links[i]);
    limits_forget_all(handover->relay);
    *handover = (struct worker_handover){ .relay = NULL };
}

/* Takes `fd`.  NULL: out of memory. */
static struct handover_link *
new_link(struct worker_handover *handover, unsigned slot, int fd)
{
    struct handover_link *link = malloc(sizeof(*link));

    if (link == NULL) {
        close(fd);
        return NULL;
    }
    *link = (struct handover_link){ handover, slot, fd, NULL };
    link->readable = event_new(handover->relay->loop->base, fd,
        EV_READ | EV_PERSIST, on_link_readable, link);
    if (link->readable != NULL)
        return link;
    free_link(link);
    return NULL;
}

void
worker_handover_introduce(struct worker_handover *handover, unsigned slot,
    int fd)
{
    struct handover_link *before;

    if (slot >= SCOREBOARD_SLOTS) {
        if (fd >= 0)
            close(fd);
        return;
    }
    before = handover->links[slot];
    /* Nothing is sent to it any more: at a message to a socket that is gone the
     * kernel throws away what that one has sent. */
    handover->links[slot] = NULL;
    if (before != NULL && handover->watching)
        read_link_messages(before);
    free_link(before);
    limits_forget(handover->relay, slot);
    if (fd < 0)
        return;
    handover->links[slot] = new_link(handover, slot, fd);
    if (handover->links[slot] != NULL && handover->watching)
        watch_link(handover->links[slot]);
}

void
worker_handover_read_left(struct worker_handover *handover, int fd)
{
    const struct handover_link left = { handover, SCOREBOARD_SLOTS, fd, NULL };

    read_link_messages(&left);
    close(fd);
}
