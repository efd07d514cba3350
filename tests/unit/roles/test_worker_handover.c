#include "roles/worker_handover.h"

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
#include "net/listen_table.h"
#include "net/loop.h"
#include "net/wire.h"
#include "relay/acceptor.h"
#include "relay/conn.h"
#include "relay/house.h"
#include "relay/limits.h"
#include "relay/limits_handed.h"
#include "relay/service.h"
#include "roles/handover_message.h"

/* Two workers of a house, which hand each other connections. */
enum { WORKERS = 2, ADDRESS = 5 };

static struct house house;
static struct worker_handover handovers[WORKERS];
static int senders[WORKERS]; /* copies of what leads to them, the other's end */

static void
on_wake(void *arg, unsigned slot)
{
    worker_handover_wake(arg, slot);
}

/* Its name is asked for where it arrives. */
static const struct address no_address;

static bool
on_hand_over(void *arg, unsigned slot, struct acceptor *acceptor, int fd,
    const struct address *client)
{
    return worker_handover_send(arg, slot, acceptor, fd, client);
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

    cr_assert(worker_handover_open(&handovers[worker], relay));
    worker_handover_watch(&handovers[worker]);
    relay->wake = on_wake;
    relay->hand_over = on_hand_over;
    relay->arg = &handovers[worker];
}

static void
set_up(void)
{
    int pair[2];

    scratch_log_open(LOG_LEVEL_WARN);
    house_open(&house, 1000, 0);
    for (size_t i = 0; i < WORKERS; i++)
        join(i);
    cr_assert(worker_handover_pair(pair));
    for (size_t i = 0; i < WORKERS; i++) {
        senders[1 - i] = fcntl(pair[i], F_DUPFD_CLOEXEC, 0);
        worker_handover_introduce(
            &handovers[i], relay_of(1 - i)->slot, pair[i]);
    }
}

static void
tear_down(void)
{
    for (size_t i = 0; i < WORKERS; i++) {
        worker_handover_close(&handovers[i]);
        if (senders[i] >= 0)
            close(senders[i]);
    }
    house_close(&house);
    log_close();
    scratch_remove();
}

TestSuite(worker_handover, .init = set_up, .fini = tear_down, .timeout = 60);

/* Each worker has a socket of its own of the address; here they share one. */
static struct acceptor *
open_door(size_t worker)
{
    struct acceptor *acceptor = acceptor_open(relay_of(worker),
        (uint64_t)ADDRESS << SOCKET_INDEX_BITS | worker, house_socket(&house),
        "here", false, house.made[0]);

    cr_assert_not_null(acceptor);
    return acceptor;
}

static uint64_t
active(size_t worker)
{
    return scoreboard_slot_active(house.board, relay_of(worker)->slot,
        SCOREBOARD_ALL);
}

/* A client that `worker` has accepted and counted in. */
static int
accepted_by(size_t worker)
{
    int fd;

    house_dial(&house, 1);
    wire_await(house.acceptor, POLLIN);
    fd = accept4(house.acceptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    cr_assert_geq(fd, 0);
    limits_enter(relay_of(worker), house.made[0]);
    return fd;
}

static bool
hand(size_t from, struct acceptor *acceptor, int fd)
{
    unsigned to = relay_of(1 - from)->slot, index = house.made[0]->index;
    bool sent;

    cr_assert(limits_hand(relay_of(from), to, index));
    sent = worker_handover_send(&handovers[from], to, acceptor, fd, &no_address);

    close(fd);
    return sent;
}

Test(worker_handover, carries_a_client_to_the_other_worker)
{
    struct acceptor *acceptor = open_door(0);
    size_t before;

    /* Behind another acceptor of the same address. */
    open_door(1);
    before = descriptors_count();
    cr_assert(hand(0, acceptor, accepted_by(0)));
    cr_assert(house_settles_at(&house, 1));
    cr_expect_eq(relay_of(0)->connections, 0);
    cr_expect_eq(relay_of(1)->connections, 1);
    cr_expect_eq(house.made[0]->connections, 1);
    house_hang_up(&house, 0);
    cr_assert(house_settles_at(&house, 0));
    cr_expect_eq(active(1), 0);
    cr_expect_eq(descriptors_count(), before);
}

/* O_NONBLOCK is of both workers' descriptors: a worker that has been taken over
 * could have the other one wait in a call.  Promise 46. */
Test(worker_handover, takes_no_socket_that_blocks)
{
    struct acceptor *acceptor = open_door(0);
    int fd = accepted_by(0);

    open_door(1);
    cr_assert_eq(fcntl(fd, F_SETFL, O_RDWR), 0);
    cr_assert(hand(0, acceptor, fd));
    worker_handover_empty(&handovers[1]);
    cr_expect_eq(relay_of(1)->connections, 0);
    cr_expect_eq(active(1), 0);
}

Test(worker_handover, shares_clients_that_come)
{
    open_door(0);
    /* No client comes to the other's own socket. */
    open_door(1);
    relay_of(1)->paused = true;
    limits_update(relay_of(1), &LIST_FIRST(&relay_of(1)->acceptors)->waiter);
    for (size_t i = 0; i < WORKERS; i++) {
        scoreboard_set_accepting(house.board, relay_of(i)->slot, 1);
        scoreboard_beat(house.board, relay_of(i)->slot, UINT64_MAX);
    }
    house_dial(&house, 40);
    cr_assert(house_settles_at(&house, 40));
    for (size_t i = 0; i < WORKERS; i++) {
        cr_expect_geq(relay_of(i)->connections, 15);
        cr_expect_eq(active(i), relay_of(i)->connections);
    }
}

Test(worker_handover, wakes_workers_that_wait_at_a_limit)
{
    for (size_t i = 0; i < WORKERS; i++)
        relay_of(i)->max_connections = 1;
    open_door(0);
    house_dial(&house, 3);
    cr_assert(house_settles_at(&house, 1));
    cr_expect(relay_of(0)->paused);
    relay_of(0)->max_connections = 2;
    worker_handover_wake(&handovers[1], relay_of(0)->slot);
    cr_expect(house_settles_at(&house, 2));
    relay_of(0)->max_connections = 3;
    limits_recheck(relay_of(0)); /* as the master has it do */
    cr_expect(house_settles_at(&house, 3));
}

/* What the handover of worker 0 is sent by a process that was taken over. */
struct hostile {
    const char *what;
    struct handover_message word;
    size_t length;
    size_t fd_count;
};

enum {
    ROOM = HANDOVER_ROOM,
    TAKEN = HANDOVER_TAKEN,
    CONNECTION = HANDOVER_CONNECTION,
    WORD = sizeof(struct handover_message),
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
    { "kind 4, with a descriptor", SAID(4, 0, 1, ADDRESS), WORD, 1 },
    { "taken, of what was never handed over",
        { .kind = TAKEN, .service = 1, .count = 0xffffffffU }, WORD, 0 },
    { "taken, of no service",
        { .kind = TAKEN, .service = SCOREBOARD_SERVICES, .count = 1 }, WORD, 0 },
    { "a high kind", SAID(0xffff, 0, 1, ADDRESS), WORD, 1 },
    { "room with a descriptor", KIND(ROOM), WORD, 1 },
    { "room with two", KIND(ROOM), WORD, 2 },
    { "no descriptor", SAID(CONNECTION, 0, 1, ADDRESS), WORD, 0 },
    { "no descriptor, of all", SAID(CONNECTION, 0, SCOREBOARD_ALL, ADDRESS),
        WORD, 0 },
    { "no such service", SAID(CONNECTION, 0, SCOREBOARD_SERVICES, ADDRESS),
        WORD, 1 },
    { "no such service, nor descriptor",
        SAID(CONNECTION, 0, SCOREBOARD_SERVICES, ADDRESS), WORD, 0 },
    { "a high service", SAID(CONNECTION, 0, 0xffffffffU, ADDRESS), WORD, 1 },
    { "more than TLS", SAID(CONNECTION, 2, 1, ADDRESS), WORD, 1 },
    { "a long address of its client",
        { .kind = CONNECTION,
            .service = 1,
            .address = ADDRESS,
            .client.length = 0xffffffffU },
        WORD, 1 },
    { "unknown address", SAID(CONNECTION, 0, 1, ADDRESS + 1), WORD, 1 },
    { "unknown address, of all",
        SAID(CONNECTION, 0, SCOREBOARD_ALL, ADDRESS + 1), WORD, 1 },
    { "address 0", SAID(CONNECTION, 0, 1, 0), WORD, 1 },
    { "the id instead", SAID(CONNECTION, 0, 1, ADDRESS << SOCKET_INDEX_BITS),
        WORD, 1 },
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

Test(worker_handover, drops_words_that_are_not_in_order)
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
Test(worker_handover, reads_on_behind_them)
{
    struct acceptor *acceptor = open_door(1);
    size_t before;

    open_door(0);
    before = descriptors_count();
    for (size_t i = 0; i < COUNT(hostile); i++)
        say(&hostile[i]);
    cr_assert(hand(1, acceptor, accepted_by(1)));
    worker_handover_empty(&handovers[0]);
    cr_expect_eq(relay_of(0)->connections, 1);
    conn_end_all(relay_of(0));
    turn();
    cr_expect_eq(descriptors_count(), before + 1, "the client's own");
}

Test(worker_handover, a_full_one_delays_no_client)
{
    struct acceptor *acceptor = open_door(0);
    size_t sent = 0, before;
    int fd;

    open_door(1);
    fd = accepted_by(0);
    while (sent < 100000 &&
        worker_handover_send(
            &handovers[0], relay_of(1)->slot, acceptor, fd, &no_address))
        sent++;
    cr_expect_gt(sent, 0);
    cr_assert_lt(sent, 100000);
    worker_handover_wake(&handovers[0], relay_of(1)->slot); /* gets lost */
    before = descriptors_count();
    worker_handover_empty(&handovers[1]);
    cr_expect_eq(relay_of(1)->connections, sent);
    conn_end_all(relay_of(1));
    turn();
    cr_expect_eq(active(1), 0);
    cr_expect_leq(descriptors_count(), before);
    cr_expect(hand(0, acceptor, fd), "there is room again");
    worker_handover_empty(&handovers[1]);
    turn();
    cr_expect_eq(active(0), 0, "the other has said that it has it");
}

Test(worker_handover, finds_no_worker)
{
    struct acceptor *acceptor = open_door(0);
    unsigned slot = relay_of(1)->slot;

    cr_expect_not(worker_handover_send(&handovers[0], SCOREBOARD_SLOTS,
        acceptor, senders[0], &no_address));
    cr_expect_not(worker_handover_send(
        &handovers[0], SCOREBOARD_SLOTS - 1, acceptor, senders[0], &no_address));
    worker_handover_wake(&handovers[0], SCOREBOARD_SLOTS);
    worker_handover_wake(&handovers[0], 4000000000U);
    worker_handover_introduce(&handovers[0], slot, -1);
    cr_expect_not(worker_handover_send(&handovers[0], slot, acceptor,
        senders[0], &no_address));
    worker_handover_wake(&handovers[0], slot);
}

/* The process that read it has died, and the master gave it up. */
Test(worker_handover, finds_no_worker_at_the_far_end)
{
    struct acceptor *acceptor = open_door(0);

    worker_handover_close(&handovers[1]);
    close(senders[0]);
    senders[0] = -1;
    cr_expect_not(worker_handover_send(
        &handovers[0], relay_of(1)->slot, acceptor, senders[1], &no_address));
    worker_handover_wake(&handovers[0], relay_of(1)->slot);
}

Test(worker_handover, takes_and_closes_what_it_is_introduced_to)
{
    unsigned slot = relay_of(1)->slot;
    size_t before = descriptors_count();

    worker_handover_introduce(&handovers[0], slot, dup(senders[0]));
    cr_expect_eq(descriptors_count(), before, "in place of the one before");
    worker_handover_introduce(&handovers[0], SCOREBOARD_SLOTS, dup(senders[0]));
    worker_handover_introduce(&handovers[0], 4000000000U, dup(senders[0]));
    worker_handover_introduce(&handovers[0], SCOREBOARD_SLOTS, -1);
    cr_expect_eq(descriptors_count(), before);
    worker_handover_introduce(&handovers[0], slot, -1);
    cr_expect_eq(descriptors_count(), before - 1);
}

/* Or a worker that retires would turn its loop for as long as it has
 * connections. */
Test(worker_handover, is_silent_when_no_worker_can_send_any_more)
{
    struct pollfd poll_fd = { .fd = senders[1], .events = POLLIN };

    worker_handover_introduce(&handovers[1], relay_of(0)->slot, -1);
    close(senders[0]);
    senders[0] = -1;
    cr_expect_eq(poll(&poll_fd, 1, 0), 0, "%#x", (unsigned)poll_fd.revents);
}

Test(worker_handover, reads_what_a_dead_one_has_left)
{
    struct acceptor *acceptor = open_door(0);
    int left = fcntl(senders[0], F_DUPFD_CLOEXEC, 0); /* the other's own end */

    cr_assert(hand(0, acceptor, accepted_by(0)));
    worker_handover_close(&handovers[1]); /* it has died */
    worker_handover_introduce(&handovers[0], relay_of(1)->slot, -1);
    cr_expect_eq(active(0), 0);
    worker_handover_read_left(&handovers[0], left);
    cr_expect_eq(relay_of(0)->connections, 1);
    cr_expect_eq(active(0), 1);
}

/* What it reads it acknowledges, and there is no one to hear that. */
Test(worker_handover, reads_all_that_a_dead_one_has_sent)
{
    struct acceptor *acceptor = open_door(0);

    open_door(1);
    for (int i = 0; i < 3; i++)
        cr_assert(hand(0, acceptor, accepted_by(0)));
    worker_handover_close(&handovers[0]);
    close(senders[1]);
    senders[1] = -1;
    worker_handover_introduce(&handovers[1], relay_of(0)->slot, -1);
    cr_expect_eq(relay_of(1)->connections, 3);
    cr_expect_eq(active(1), 3);
}

/* A worker that has been taken over ends or fills its own end of a pair.
 * Promise 46. */
Test(worker_handover, loses_a_hostile_worker_and_no_other)
{
    static const struct sockaddr none = { .sa_family = AF_UNSPEC };
    struct acceptor *acceptor = open_door(0);
    int pair[2], fd = accepted_by(0);
    unsigned hostile_slot = SCOREBOARD_SLOTS - 1;

    open_door(1);
    cr_assert(worker_handover_pair(pair));
    worker_handover_introduce(&handovers[0], hostile_slot, pair[0]);
    while (send(pair[1], "?", 1, MSG_DONTWAIT) == 1)
        continue;
    (void)shutdown(pair[1], SHUT_WR);
    (void)connect(pair[1], &none, sizeof(none));
    cr_assert(hand(0, acceptor, fd));
    cr_assert(house_settles_at(&house, 1));
    cr_expect_eq(relay_of(1)->connections, 1);
    cr_assert(hand(1, LIST_FIRST(&relay_of(1)->acceptors), accepted_by(1)));
    cr_assert(house_settles_at(&house, 2));
    cr_expect_eq(relay_of(0)->connections, 1, "behind all that it has sent");
    worker_handover_wake(&handovers[0], hostile_slot);
    close(pair[1]);
}

/* Promise 33 */
Test(worker_handover, ends_without_losing_a_client)
{
    struct acceptor *acceptor = open_door(0);
    int fd = accepted_by(0);

    open_door(1);
    cr_assert(hand(0, acceptor, accepted_by(0)));
    (void)shutdown(senders[0], SHUT_RD); /* as the master does */
    worker_handover_end(&handovers[1]);
    cr_expect_eq(relay_of(1)->connections, 1, "a client that was on the way");
    cr_expect_not(
        worker_handover_send(
            &handovers[0], relay_of(1)->slot, acceptor, fd, &no_address));
    worker_handover_wake(&handovers[0], relay_of(1)->slot);
    cr_expect_not(handovers[1].watching);
    close(fd);
    limits_leave(relay_of(0), house.made[0]->index);
}

/* Out of descriptors the kernel gives us the word without the client, which was
 * counted in here. */
Test(worker_handover, counts_out_clients_that_the_kernel_lost)
{
    struct acceptor *acceptor = open_door(1);
    struct rlimit before;
    int fd, last;

    open_door(0);
    fd = accepted_by(1);
    last = wire_exhaust(&before);
    cr_expect(hand(1, acceptor, last));
    last = dup(0); /* in its place */
    worker_handover_empty(&handovers[0]);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    close(last);
    close(fd);
    cr_expect_eq(relay_of(0)->connections, 0);
    cr_expect_eq(active(0), 0);
    turn();
    cr_expect_eq(active(1), 0);
}
