#include "process/worker_inbox.h"

#include <event2/event.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/address.h"
#include "base/descriptors.h"
#include "base/error.h"
#include "base/log.h"
#include "base/scratch.h"
#include "net/loop.h"
#include "net/wire.h"
#include "process/sockets.h"
#include "process/worker_word.h"
#include "relay/conn.h"
#include "relay/door.h"
#include "relay/house.h"
#include "relay/limits.h"
#include "relay/service.h"

/* Two workers of a house, each with an inbox that the other sends to. */
enum { WORKERS = 2, ADDRESS = 5 };

static struct house house;
static struct worker_inbox inboxes[WORKERS];
static int senders[WORKERS]; /* the far ends of their inboxes */

static void
on_wake(void *arg, unsigned slot)
{
    worker_inbox_wake(arg, slot);
}

/* Its name is asked for where it arrives. */
static const struct address nobody;

static bool
on_hand_over(void *arg, unsigned slot, struct door *door, int fd,
    const struct address *client)
{
    return worker_inbox_hand_over(arg, slot, door, fd, client);
}

static struct relay *
relay_of(size_t worker)
{
    return &house.workers[worker].relay;
}

static void
join(size_t worker)
{
    struct relay *relay = relay_of(worker);
    int read_fd;

    cr_assert(worker_inbox_pair(&read_fd, &senders[worker]));
    cr_assert(worker_inbox_open(&inboxes[worker], relay, read_fd));
    cr_assert(worker_inbox_watch(&inboxes[worker]));
    relay->wake = on_wake;
    relay->hand_over = on_hand_over;
    relay->arg = &inboxes[worker];
}

static void
set_up(void)
{
    struct error error = { 0 };

    cr_assert(log_open(LOG_FILE, scratch_path("log"), LOG_TEXT,
        LOG_LEVEL_WARN, &error));
    house_open(&house, 1000, 0);
    for (size_t i = 0; i < WORKERS; i++)
        join(i);
    for (size_t i = 0; i < WORKERS; i++)
        worker_inbox_introduce(&inboxes[i], relay_of(1 - i)->slot,
            fcntl(senders[1 - i], F_DUPFD_CLOEXEC, 0));
}

static void
tear_down(void)
{
    for (size_t i = 0; i < WORKERS; i++) {
        worker_inbox_close(&inboxes[i]);
        if (senders[i] >= 0)
            close(senders[i]);
    }
    house_close(&house);
    log_close();
    scratch_remove();
}

TestSuite(worker_inbox, .init = set_up, .fini = tear_down, .timeout = 60);

/* Each worker has a socket of its own of the address; here they share one. */
static struct door *
open_door(size_t worker)
{
    struct door *door = door_open(relay_of(worker),
        (uint64_t)ADDRESS << SOCKET_INDEX_BITS | worker, house_socket(&house),
        "here", false, house.made[0]);

    cr_assert_not_null(door);
    return door;
}

static uint64_t
active(size_t worker)
{
    return board_slot_active(house.board, relay_of(worker)->slot, BOARD_ALL);
}

/* A client whom worker 0 has accepted, and counted in at `worker`. */
static int
accepted_for(size_t worker)
{
    int fd;

    house_dial(&house, 1);
    wire_await(house.door, POLLIN);
    fd = accept4(house.door, NULL, NULL, SOCK_CLOEXEC);
    cr_assert_geq(fd, 0);
    limits_enter(relay_of(worker), house.made[0]);
    return fd;
}

static bool
hand(size_t from, struct door *door, int fd)
{
    bool sent = worker_inbox_hand_over(
        &inboxes[from], relay_of(1 - from)->slot, door, fd,
        &nobody);

    close(fd);
    return sent;
}

Test(worker_inbox, carries_a_client_to_the_other_worker)
{
    struct door *door = open_door(0);
    size_t before;

    /* Behind another door of the same address. */
    open_door(1);
    before = descriptors_count();
    cr_assert(hand(0, door, accepted_for(1)));
    cr_assert(house_settles_at(&house, 1));
    cr_expect_eq(relay_of(0)->connections, 0);
    cr_expect_eq(relay_of(1)->connections, 1);
    cr_expect_eq(house.made[0]->connections, 1);
    house_hang_up(&house, 0);
    cr_assert(house_settles_at(&house, 0));
    cr_expect_eq(active(1), 0);
    cr_expect_eq(descriptors_count(), before);
}

Test(worker_inbox, shares_who_comes)
{
    open_door(0);
    /* Nobody knocks at the other's own socket. */
    open_door(1);
    relay_of(1)->paused = true;
    door_update(relay_of(1)->doors);
    for (size_t i = 0; i < WORKERS; i++)
        board_set_accepting(house.board, relay_of(i)->slot, 1);
    house_dial(&house, 40);
    cr_assert(house_settles_at(&house, 40));
    for (size_t i = 0; i < WORKERS; i++) {
        cr_expect_geq(relay_of(i)->connections, 15);
        cr_expect_eq(active(i), relay_of(i)->connections);
    }
}

Test(worker_inbox, wakes_who_waits_at_a_limit)
{
    for (size_t i = 0; i < WORKERS; i++)
        relay_of(i)->max_connections = 1;
    open_door(0);
    house_dial(&house, 3);
    cr_assert(house_settles_at(&house, 1));
    cr_expect(relay_of(0)->paused);
    relay_of(0)->max_connections = 2;
    worker_inbox_wake(&inboxes[1], relay_of(0)->slot);
    cr_expect(house_settles_at(&house, 2));
    relay_of(0)->max_connections = 3;
    worker_inbox_send_room(senders[0]); /* as the master does */
    cr_expect(house_settles_at(&house, 3));
}

/* What the inbox of worker 0 is sent by somebody who was taken over. */
struct hostile {
    const char *what;
    struct worker_word word;
    size_t length;
    size_t fd_count;
};

enum {
    ROOM = WORKER_WORD_ROOM,
    CONNECTION = WORKER_WORD_CONNECTION,
    WORD = sizeof(struct worker_word),
};

#define KIND(k) { .kind = (k) }
#define SAID(k, t, s, a) \
    { .kind = (k), .tls = (t), .service = (s), .address = (a) }

static const struct hostile hostile[] = {
    { "empty", { 0 }, 0, 0 },
    { "empty, with a descriptor", { 0 }, 0, 1 },
    { "a byte", KIND(ROOM), 1, 0 },
    { "short", SAID(CONNECTION, 0, 1, ADDRESS), WORD - 1, 1 },
    { "long", SAID(CONNECTION, 0, 1, ADDRESS), WORD + 1, 1 },
    { "very long", SAID(CONNECTION, 0, 1, ADDRESS), 4000, 1 },
    { "kind 0", { 0 }, WORD, 0 },
    { "kind 0, with a descriptor", { 0 }, WORD, 1 },
    { "kind 3, with a descriptor", SAID(3, 0, 1, ADDRESS), WORD, 1 },
    { "a high kind", SAID(0xffff, 0, 1, ADDRESS), WORD, 1 },
    { "room with a descriptor", KIND(ROOM), WORD, 1 },
    { "room with two", KIND(ROOM), WORD, 2 },
    { "no descriptor", SAID(CONNECTION, 0, 1, ADDRESS), WORD, 0 },
    { "no descriptor, of all", SAID(CONNECTION, 0, BOARD_ALL, ADDRESS), WORD,
        0 },
    { "no such service", SAID(CONNECTION, 0, BOARD_SERVICES, ADDRESS), WORD,
        1 },
    { "no such service, nor descriptor",
        SAID(CONNECTION, 0, BOARD_SERVICES, ADDRESS), WORD, 0 },
    { "a high service", SAID(CONNECTION, 0, 0xffffffffU, ADDRESS), WORD, 1 },
    { "more than TLS", SAID(CONNECTION, 2, 1, ADDRESS), WORD, 1 },
    { "a long address of its client",
        { .kind = CONNECTION, .service = 1, .address = ADDRESS,
            .client.length = 0xffffffffU }, WORD, 1 },
    { "unknown address", SAID(CONNECTION, 0, 1, ADDRESS + 1), WORD, 1 },
    { "unknown address, of all",
        SAID(CONNECTION, 0, BOARD_ALL, ADDRESS + 1), WORD, 1 },
    { "address 0", SAID(CONNECTION, 0, 1, 0), WORD, 1 },
    { "the id instead",
        SAID(CONNECTION, 0, 1, ADDRESS << SOCKET_INDEX_BITS), WORD, 1 },
    { "no socket", SAID(CONNECTION, 0, 1, ADDRESS), WORD, 1 },
    { "two that are none", SAID(CONNECTION, 0, 1, ADDRESS), WORD, 2 },
    { "many", SAID(CONNECTION, 0, 1, ADDRESS), WORD, 100 },
};

static void
say(const struct hostile *said)
{
    char bytes[4000] = { 0 };
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(100 * sizeof(int))];
    } control = { .bytes = { 0 } };
    struct iovec part = { bytes, said->length };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    int fds[100];

    memcpy(bytes, &said->word, sizeof(said->word));
    for (size_t i = 0; i < said->fd_count; i++)
        fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (said->fd_count > 0) {
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(said->fd_count * sizeof(int));
        memcpy(CMSG_DATA(&control.header), fds, said->fd_count * sizeof(int));
        message.msg_control = &control;
        message.msg_controllen = control.header.cmsg_len;
    }
    cr_assert_eq(sendmsg(senders[0], &message, 0), (ssize_t)said->length,
        "%s", said->what);
    for (size_t i = 0; i < said->fd_count; i++)
        close(fds[i]);
}

static void
turn(void)
{
    for (int i = 0; i < 5; i++)
        wire_turn(house.loop);
}

Test(worker_inbox, drops_words_that_are_not_in_order)
{
    size_t before;

    open_door(0);
    turn();
    before = descriptors_count();
    for (size_t i = 0; i < COUNT(hostile); i++) {
        say(&hostile[i]);
        turn();
        cr_expect_eq(descriptors_count(), before, "%s", hostile[i].what);
        cr_expect_eq(relay_of(0)->connections, 0, "%s", hostile[i].what);
        cr_expect_eq(active(0), 0, "%s", hostile[i].what);
    }
}

/* Good words behind bad ones are heard, by one call that reads all. */
Test(worker_inbox, reads_on_behind_them)
{
    struct door *door = open_door(1);
    size_t before;

    open_door(0);
    before = descriptors_count();
    for (size_t i = 0; i < COUNT(hostile); i++)
        say(&hostile[i]);
    cr_assert(hand(1, door, accepted_for(0)));
    worker_inbox_empty(&inboxes[0]);
    cr_expect_eq(relay_of(0)->connections, 1);
    conn_end_all(relay_of(0));
    turn();
    cr_expect_eq(descriptors_count(), before + 1, "the client's own");
}

Test(worker_inbox, a_full_one_keeps_nobody_waiting)
{
    struct door *door = open_door(0);
    size_t sent = 0, before;
    int fd;

    open_door(1);
    fd = accepted_for(1);
    while (sent < 100000 &&
        worker_inbox_hand_over(
            &inboxes[0], relay_of(1)->slot, door, fd, &nobody))
        sent++;
    cr_expect_gt(sent, 0);
    cr_assert_lt(sent, 100000);
    worker_inbox_wake(&inboxes[0], relay_of(1)->slot); /* gets lost */
    for (size_t i = 1; i < sent; i++)
        limits_enter(relay_of(1), house.made[0]);
    before = descriptors_count();
    worker_inbox_empty(&inboxes[1]);
    cr_expect_eq(relay_of(1)->connections, sent);
    conn_end_all(relay_of(1));
    turn();
    cr_expect_eq(active(1), 0);
    cr_expect_leq(descriptors_count(), before);
    cr_expect(hand(0, door, fd), "there is room again");
    limits_enter(relay_of(1), house.made[0]);
    worker_inbox_empty(&inboxes[1]);
}

Test(worker_inbox, finds_nobody)
{
    struct door *door = open_door(0);
    unsigned slot = relay_of(1)->slot;

    cr_expect_not(
        worker_inbox_hand_over(&inboxes[0], BOARD_SLOTS, door, senders[0], &nobody));
    cr_expect_not(worker_inbox_hand_over(
        &inboxes[0], BOARD_SLOTS - 1, door, senders[0], &nobody));
    worker_inbox_wake(&inboxes[0], BOARD_SLOTS);
    worker_inbox_wake(&inboxes[0], 4000000000U);
    worker_inbox_introduce(&inboxes[0], slot, -1);
    cr_expect_not(
        worker_inbox_hand_over(&inboxes[0], slot, door, senders[0], &nobody));
    worker_inbox_wake(&inboxes[0], slot);
}

/* The process that read it has died, and the master gave it up. */
Test(worker_inbox, finds_nobody_at_the_far_end)
{
    struct door *door = open_door(0);

    worker_inbox_close(&inboxes[1]);
    inboxes[1].readable = NULL;
    cr_expect_not(worker_inbox_hand_over(
        &inboxes[0], relay_of(1)->slot, door, senders[0], &nobody));
    worker_inbox_wake(&inboxes[0], relay_of(1)->slot);
}

Test(worker_inbox, takes_and_closes_what_it_is_introduced_to)
{
    unsigned slot = relay_of(1)->slot;
    size_t before = descriptors_count();

    worker_inbox_introduce(&inboxes[0], slot, dup(0));
    cr_expect_eq(descriptors_count(), before, "in place of the one before");
    worker_inbox_introduce(&inboxes[0], BOARD_SLOTS, dup(0));
    worker_inbox_introduce(&inboxes[0], 4000000000U, dup(0));
    worker_inbox_introduce(&inboxes[0], BOARD_SLOTS, -1);
    cr_expect_eq(descriptors_count(), before);
    worker_inbox_introduce(&inboxes[0], slot, -1);
    cr_expect_eq(descriptors_count(), before - 1);
}

/* Or a worker that retires would turn its loop for as long as it has
 * connections. */
Test(worker_inbox, is_silent_when_nobody_can_send_any_more)
{
    struct pollfd poll_fd = { .fd = inboxes[0].fd, .events = POLLIN };

    worker_inbox_introduce(&inboxes[1], relay_of(0)->slot, -1);
    close(senders[0]);
    senders[0] = -1;
    cr_expect_eq(poll(&poll_fd, 1, 0), 0, "%#x", (unsigned)poll_fd.revents);
}

Test(worker_inbox, keeps_words_for_who_reads_next)
{
    struct door *door = open_door(0);
    int read_fd = fcntl(inboxes[1].fd, F_DUPFD_CLOEXEC, 0);

    worker_inbox_close(&inboxes[1]); /* it has died */
    cr_assert(hand(0, door, accepted_for(1)));
    cr_assert(worker_inbox_open(&inboxes[1], relay_of(1), read_fd));
    turn();
    cr_expect_eq(active(1), 1, "nothing is read while there is no door");
    open_door(1);
    cr_assert(worker_inbox_watch(&inboxes[1]));
    cr_expect(house_settles_at(&house, 1));
    cr_expect_eq(relay_of(1)->connections, 1);
}

Test(worker_inbox, ends_without_losing_anybody)
{
    struct door *door = open_door(0);
    int fd = accepted_for(0);

    open_door(1);
    cr_assert(hand(0, door, accepted_for(1)));
    worker_inbox_end(&inboxes[1]);
    cr_expect_eq(relay_of(1)->connections, 1, "who was on the way");
    cr_expect_not(
        worker_inbox_hand_over(
            &inboxes[0], relay_of(1)->slot, door, fd, &nobody));
    worker_inbox_wake(&inboxes[0], relay_of(1)->slot);
    cr_expect_not(event_pending(inboxes[1].readable, EV_READ, NULL));
    close(fd);
    limits_leave(relay_of(0), house.made[0]->index);
}

/* Out of descriptors the kernel gives us the word without the client, who was
 * counted in here. */
Test(worker_inbox, counts_out_whom_the_kernel_lost)
{
    struct door *door = open_door(1);
    struct rlimit before;
    int fd, last;

    open_door(0);
    fd = accepted_for(0);
    last = wire_exhaust(&before);
    cr_expect(hand(1, door, last));
    last = dup(0); /* in its place */
    worker_inbox_empty(&inboxes[0]);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    close(last);
    close(fd);
    cr_expect_eq(relay_of(0)->connections, 0);
    cr_expect_eq(active(0), 0);
}
