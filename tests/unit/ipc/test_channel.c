#include "ipc/channel.h"

#include <event2/event.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/descriptors.h"

/* The master's end is the channel that is tested, `far` is the other one's bare
 * descriptor or, if `worker` is set, that of a channel too. */
static struct event_base *base;
static struct channel *master;
static struct channel *worker;
static int far = -1;

/* What the master's end has heard. */
static struct {
    size_t count;
    uint64_t generations; /* sum */
    char text[MESSAGE_FAULT_MAX + 1];
    int fds[MESSAGE_FDS_MAX];
    size_t fd_count;
    unsigned ends;
    char why[200];
    bool frees;  /* the channel, in the callback */
    bool closes; /* descriptors, there */
    size_t closed;
    bool in_call;
} heard;

static void
on_message(void *arg, const struct message *message, const int *fds)
{
    struct channel **own = arg;

    heard.count++;
    if (message->type == MESSAGE_COMMIT || message->type == MESSAGE_COMMITTED ||
        message->type == MESSAGE_BUNDLE)
        heard.generations +=
            ((const struct message_generation *)message->payload)->generation;
    memcpy(heard.text, message->text, message->text_length + 1);
    memcpy(heard.fds, fds, sizeof(heard.fds));
    heard.fd_count = message->fd_count;
    for (size_t i = 0; heard.closes && i < heard.fd_count; i++)
        heard.closed += close(fds[i]) == 0;
    if (heard.frees) {
        channel_free(*own);
        *own = NULL;
    }
}

static channel_message_fn *const handlers[] = {
    [0 ... MESSAGE_TYPE_COUNT - 1] = on_message,
};

static void
on_ended(void *arg, const char *why)
{
    struct channel **own = arg;

    cr_assert_not(heard.in_call, "it must come from the loop");
    heard.ends++;
    snprintf(heard.why, sizeof(heard.why), "%s", why);
    if (heard.frees) {
        channel_free(*own);
        *own = NULL;
    }
}

static void
set_up(void)
{
    int fds[2];

    memset(&heard, 0, sizeof(heard));
    base = event_base_new();
    cr_assert(channel_pair(fds));
    master = channel_new(
        base, fds[0], ROLE_MASTER, ROLE_WORKER, handlers, on_ended, &master);
    cr_assert_not_null(master);
    far = fds[1];
}

/* The far end becomes a channel. */
static void
speak(void)
{
    worker = channel_new(
        base, far, ROLE_WORKER, ROLE_MASTER, handlers, on_ended, &worker);
    cr_assert_not_null(worker);
    far = -1;
}

static void
tear_down(void)
{
    channel_free(master);
    channel_free(worker);
    master = worker = NULL;
    if (far >= 0)
        close(far);
    event_base_free(base);
}

TestSuite(channel, .init = set_up, .fini = tear_down, .timeout = 30);

static void
turn(void)
{
    event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
}

static void
turn_until_heard(size_t count)
{
    while (heard.count < count && heard.ends == 0)
        event_base_loop(base, EVLOOP_ONCE);
    cr_assert_eq(heard.count, count, "%zu, %s", heard.count, heard.why);
}

static void
turn_until_ended(void)
{
    while (heard.ends == 0)
        event_base_loop(base, EVLOOP_ONCE);
    for (int i = 0; i < 5; i++)
        turn();
    cr_expect_eq(heard.ends, 1);
}

static void
send_generation(struct channel *channel, enum message_type type,
    uint64_t generation)
{
    struct message_generation payload = { generation };

    heard.in_call = true;
    channel_send(channel, type, &payload, NULL, 0, NULL, 0);
    heard.in_call = false;
}

Test(channel, needs_a_handler_for_all_that_may_come, .signal = SIGABRT)
{
    static channel_message_fn *const too_few[MESSAGE_TYPE_COUNT] = {
        [MESSAGE_READY] = on_message,
    };

    worker = channel_new(
        base, far, ROLE_ADMIN, ROLE_MASTER, too_few, on_ended, &worker);
}

static void
expect_same_file(int one, int other)
{
    struct stat a, b;

    cr_assert_eq(fstat(one, &a), 0);
    cr_assert_eq(fstat(other, &b), 0);
    cr_expect_eq(a.st_ino, b.st_ino);
    cr_expect_eq(a.st_dev, b.st_dev);
}

Test(channel, carries_a_message_and_its_descriptor)
{
    struct message_generation generation = { 7 };
    size_t before;
    int pipe_fds[2];

    speak();
    cr_assert_eq(pipe(pipe_fds), 0);
    before = descriptors_count();
    channel_send(master, MESSAGE_BUNDLE, &generation, NULL, 0, pipe_fds, 1);
    cr_expect_eq(descriptors_count(), before, "nothing had to wait");
    turn_until_heard(1);
    cr_expect_eq(heard.generations, 7);
    cr_assert_eq(heard.fd_count, 1);
    cr_expect_eq(heard.fds[1], -1);
    expect_same_file(heard.fds[0], pipe_fds[0]);
    cr_expect_neq(fcntl(heard.fds[0], F_GETFD) & FD_CLOEXEC, 0);
    close(heard.fds[0]);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

Test(channel, carries_texts_both_ways)
{
    char text[MESSAGE_FAULT_MAX];
    struct message_drain drain = { .timeout_ms = 1 };

    speak();
    memset(text, 'f', sizeof(text));
    channel_send(worker, MESSAGE_FAULT, NULL, text, sizeof(text), NULL, 0);
    turn_until_heard(1);
    cr_expect_eq(strlen(heard.text), sizeof(text));
    channel_send(master, MESSAGE_DRAIN, &drain, "web", 3, NULL, 0);
    turn_until_heard(2);
    cr_expect_str_eq(heard.text, "web");
    channel_send(worker, MESSAGE_READY, NULL, NULL, 0, NULL, 0);
    turn_until_heard(3);
    cr_expect_str_eq(heard.text, "");
}

enum { MANY = 3000 };

/* Sends 1 to MANY; what has to wait is a duplicate of `fd`. */
static void
send_many(int fd)
{
    for (uint64_t i = 1; i <= MANY; i++) {
        struct message_generation generation = { i };

        if (fd >= 0 && i % 10 == 0)
            channel_send(master, MESSAGE_BUNDLE, &generation, NULL, 0, &fd, 1);
        else
            send_generation(master, MESSAGE_COMMIT, i);
    }
}

Test(channel, keeps_what_the_far_side_does_not_read)
{
    send_many(-1);
    turn();
    cr_expect_eq(heard.ends, 0);
    speak();
    turn_until_heard(MANY);
    cr_expect_eq(heard.generations, (uint64_t)MANY * (MANY + 1) / 2);
}

Test(channel, keeps_descriptors_for_as_long)
{
    size_t before = descriptors_count();
    int fd = dup(STDERR_FILENO);

    heard.closes = true;
    send_many(fd);
    close(fd);
    cr_expect_gt(descriptors_count(), before + 100, "duplicates wait");
    speak();
    turn_until_heard(MANY);
    cr_expect_eq(heard.generations, (uint64_t)MANY * (MANY + 1) / 2);
    cr_expect_eq(heard.closed, MANY / 10);
    cr_expect_eq(descriptors_count(), before);
}

Test(channel, closes_what_waits_when_it_is_freed)
{
    size_t before = descriptors_count();
    int fd = dup(STDERR_FILENO);

    send_many(fd);
    close(fd);
    cr_expect_gt(descriptors_count(), before + 100);
    channel_free(master);
    master = NULL;
    cr_expect_eq(descriptors_count(), before - 1,
        "the socket is closed as well");
}

Test(channel, ends_a_far_side_that_never_reads)
{
    unsigned sent = 0;

    while (heard.ends == 0 && sent++ < 100000) {
        send_generation(master, MESSAGE_COMMIT, 1);
        if (sent % 100 == 0)
            turn();
    }
    turn_until_ended();
    cr_expect_str_eq(heard.why, "let 16384 messages wait");
    send_generation(master, MESSAGE_COMMIT, 1);
    turn();
    cr_expect_eq(heard.ends, 1);
    cr_expect_not(channel_flush(master, 0));
}

Test(channel, tells_when_the_far_side_has_closed)
{
    close(far);
    far = -1;
    cr_expect_eq(heard.ends, 0);
    turn_until_ended();
    cr_expect_str_eq(heard.why, "closed");
}

Test(channel, tells_of_the_end_from_the_loop_only)
{
    close(far);
    far = -1;
    for (int i = 0; i < 3; i++)
        send_generation(master, MESSAGE_COMMIT, 1);
    cr_expect_eq(heard.ends, 0);
    turn_until_ended();
    cr_expect_str_eq(heard.why, "closed");
}

/* The worker says its last words, does not read, and is gone before the master
 * speaks or looks. */
Test(channel, hears_last_words)
{
    for (int speaks = 0; speaks < 4; speaks++) {
        if (speaks > 0)
            set_up();
        if ((speaks & 1) != 0)
            send_generation(master, MESSAGE_COMMIT, 1);
        speak();
        for (uint64_t i = 1; i <= 100; i++)
            send_generation(worker, MESSAGE_COMMITTED, i);
        channel_free(worker);
        worker = NULL;
        if ((speaks & 2) != 0)
            send_generation(master, MESSAGE_COMMIT, 1);
        turn_until_ended();
        cr_expect_eq(heard.count, 100, "%zu of case %d", heard.count, speaks);
        cr_expect_eq(heard.generations, 5050);
        cr_expect_str_eq(heard.why, "closed");
        if (speaks < 3)
            tear_down();
    }
}

/* A far side that closes only its reading end cannot stay. */
Test(channel, ends_a_far_side_that_does_not_listen)
{
    cr_assert_eq(shutdown(far, SHUT_RD), 0);
    send_generation(master, MESSAGE_COMMIT, 1);
    turn_until_ended();
}

/* One bare packet from the far end. */
static void
send_packet(const void *bytes, size_t length, const int *fds, size_t count)
{
    char control[CMSG_SPACE(16 * sizeof(int))] = "";
    struct msghdr header = {
        .msg_iov = &(struct iovec){ (void *)bytes, length },
        .msg_iovlen = 1,
    };

    if (count > 0) {
        struct cmsghdr *part = (void *)control;

        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(part), fds, count * sizeof(int));
        header.msg_control = control;
        header.msg_controllen = CMSG_SPACE(count * sizeof(int));
    }
    cr_assert_eq(sendmsg(far, &header, 0), (ssize_t)length);
}

Test(channel, ends_a_peer_that_breaks_the_rules)
{
    static char long_packet[MESSAGE_BYTES_MAX + 1];
    static const struct {
        const char *what;
        struct message_header header;
        size_t length;
        size_t fds;
        const char *why;
    } cases[] = {
        { "a word that is not a worker's", { MESSAGE_COMMIT, 8 }, 16, 0,
            "in order (type 4, 16 bytes, 0 descriptors)" },
        { "no such type", { 99, 0 }, 8, 0, "in order (type 99, 8 bytes" },
        { "half a header", { 0, 0 }, 4, 0, "in order (type -1, 4 bytes" },
        { "a wrong length", { MESSAGE_COMMITTED, 7 }, 16, 0, "in order" },
        { "an unwanted descriptor", { MESSAGE_READY, 0 }, 8, 1,
            "8 bytes, 1 descriptors" },
        { "two unwanted descriptors", { MESSAGE_READY, 0 }, 8, 2,
            "8 bytes, 2 descriptors" },
        { "too many descriptors", { MESSAGE_READY, 0 }, 8, 3, "more desc" },
        { "far too many descriptors", { MESSAGE_READY, 0 }, 8, 16,
            "more desc" },
        { "too much", { MESSAGE_FAULT, MESSAGE_BYTES_MAX - 8 },
            sizeof(long_packet), 0, "too long" },
        { "too much of all", { MESSAGE_FAULT, MESSAGE_BYTES_MAX - 8 },
            sizeof(long_packet), 2, "too long" },
        { "nothing", { 0, 0 }, 0, 0, "closed" },
        { "nothing, with a descriptor", { 0, 0 }, 0, 2, "closed" },
    };
    int fds[16];
    size_t before;

    for (size_t i = 0; i < COUNT(fds); i++)
        fds[i] = STDERR_FILENO;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (i > 0)
            set_up();
        turn();
        before = descriptors_count();
        memcpy(long_packet, &cases[i].header, sizeof(cases[i].header));
        send_packet(long_packet, cases[i].length, fds, cases[i].fds);
        turn_until_ended();
        cr_expect_not_null(strstr(heard.why, cases[i].why), "%s: %s",
            cases[i].what, heard.why);
        cr_expect_eq(heard.count, 0, "%s", cases[i].what);
        cr_expect_eq(descriptors_count(), before, "%s", cases[i].what);
        if (i + 1 < COUNT(cases))
            tear_down();
    }
}

Test(channel, does_not_hear_what_follows_an_offence)
{
    struct message_header bad = { MESSAGE_END, 0 }, good = { MESSAGE_READY, 0 };

    send_packet(&good, sizeof(good), NULL, 0);
    send_packet(&bad, sizeof(bad), NULL, 0);
    send_packet(&good, sizeof(good), NULL, 0);
    turn_until_ended();
    cr_expect_eq(heard.count, 1);
}

Test(channel, ends_when_a_descriptor_is_lost)
{
    struct message_generation generation = { 1 };
    struct rlimit limit;
    int fd = STDERR_FILENO;

    speak();
    turn();
    channel_send(master, MESSAGE_BUNDLE, &generation, NULL, 0, &fd, 1);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 3;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    turn_until_ended();
    cr_expect_eq(heard.count, 0);
    cr_expect_not_null(strstr(heard.why, "free here"));
    limit.rlim_cur = limit.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Promise 46 */
Test(channel, is_not_held_up_by_a_flood)
{
    speak();
    for (uint64_t i = 0; i < MANY; i++)
        send_generation(worker, MESSAGE_COMMITTED, 1);
    for (size_t before = 0, turns = 0; heard.count < MANY; turns++) {
        turn();
        cr_assert_leq(heard.count - before, 64);
        cr_assert_lt(turns, MANY);
        before = heard.count;
    }
}

Test(channel, may_be_freed_by_its_own_callbacks)
{
    struct message_header ready = { MESSAGE_READY, 0 };

    heard.frees = true;
    for (int i = 0; i < 10; i++)
        send_packet(&ready, sizeof(ready), NULL, 0);
    turn();
    turn();
    cr_expect_null(master);
    cr_expect_eq(heard.count, 1);
    tear_down();
    set_up();
    heard.frees = true;
    close(far);
    far = -1;
    turn_until_ended();
    cr_expect_null(master);
}

Test(channel, runs_no_callback_once_freed)
{
    close(far);
    far = -1;
    send_generation(master, MESSAGE_COMMIT, 1);
    channel_free(master);
    master = NULL;
    channel_free(NULL);
    turn();
    turn();
    cr_expect_eq(heard.ends, 0);
}

static void *
read_slowly(void *arg)
{
    static char bytes[MESSAGE_BYTES_MAX];

    (void)arg;
    for (int i = 0; i < MANY; i++)
        if (recv(far, bytes, sizeof(bytes), 0) <= 0)
            return (void *)1;
    return NULL;
}

Test(channel, flushes_what_waits)
{
    pthread_t reader;
    void *failed;

    fcntl(far, F_SETFL, 0);
    cr_expect(channel_flush(master, 0), "nothing waits");
    send_many(-1);
    cr_expect_not(channel_flush(master, 0));
    cr_expect_not(channel_flush(master, 50));
    cr_assert_eq(pthread_create(&reader, NULL, read_slowly, NULL), 0);
    cr_expect(channel_flush(master, 20000));
    cr_assert_eq(pthread_join(reader, &failed), 0);
    cr_expect_null(failed);
}

Test(channel, flushes_in_vain)
{
    send_many(-1);
    close(far);
    far = -1;
    cr_expect_not(channel_flush(master, 20000));
    turn_until_ended();
    cr_expect_str_eq(heard.why, "closed");
}
