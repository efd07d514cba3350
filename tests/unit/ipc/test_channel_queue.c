#include "ipc/channel_queue.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/descriptors.h"
#include "ipc/channel.h"

static struct channel_queue queue;
static int pair[2];

static void
set_up(void)
{
    channel_queue_init(&queue);
    cr_assert(channel_pair(pair));
}

static void
tear_down(void)
{
    channel_queue_clear(&queue);
    close(pair[0]);
    close(pair[1]);
}

TestSuite(channel_queue, .init = set_up, .fini = tear_down, .timeout = 30);

static bool
add(const char *first, const char *second, const int *fds, size_t fd_count)
{
    const struct iovec parts[] = {
        { (char *)first, strlen(first) },
        { NULL, 0 },
        { (char *)second, strlen(second) },
    };

    return channel_queue_add(&queue, parts, COUNT(parts), fds, fd_count);
}

static void
expect_packet(const char *want, size_t fd_count)
{
    struct channel_packet packet;

    cr_assert_eq(channel_packet_read(pair[1], &packet), CHANNEL_READ_DONE);
    cr_expect_eq(packet.length, strlen(want));
    cr_expect_eq(memcmp(packet.bytes, want, strlen(want)), 0, "%s", want);
    cr_expect_eq(packet.fd_count, fd_count, "%s", want);
    channel_packet_close(packet.fds);
}

Test(channel_queue, writes_messages_in_their_order)
{
    static const char *const sent[][2] = {
        { "first", " message" }, { "", "second" }, { "third", "" },
    };
    static const char *const got[] = { "first message", "second", "third" };

    for (size_t i = 0; i < COUNT(sent); i++)
        cr_assert(add(sent[i][0], sent[i][1], NULL, 0));
    cr_expect_eq(queue.count, COUNT(sent));
    cr_expect_eq(channel_queue_write(&queue, pair[0]), CHANNEL_WRITE_DONE);
    cr_expect_eq(queue.count, 0);
    for (size_t i = 0; i < COUNT(got); i++)
        expect_packet(got[i], 0);
}

Test(channel_queue, keeps_what_a_full_socket_does_not_take)
{
    enum channel_write how;

    do
        cr_assert(add("again", "", NULL, 0));
    while ((how = channel_queue_write(&queue, pair[0])) == CHANNEL_WRITE_DONE);
    cr_expect_eq(how, CHANNEL_WRITE_FULL);
    cr_expect_eq(queue.count, 1);
    expect_packet("again", 0);
    cr_expect_eq(channel_queue_write(&queue, pair[0]), CHANNEL_WRITE_DONE);
    cr_expect_eq(queue.count, 0);
}

Test(channel_queue, keeps_a_message_for_a_peer_that_has_gone)
{
    cr_assert(add("late", "", NULL, 0));
    shutdown(pair[0], SHUT_RDWR);
    cr_expect_eq(channel_queue_write(&queue, pair[0]), CHANNEL_WRITE_GONE);
    cr_expect_eq(queue.count, 1);
}

/* The caller may close what it has passed. */
Test(channel_queue, has_descriptors_of_its_own)
{
    size_t before = descriptors_count();
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    cr_assert(add("with", "", &fd, 1));
    cr_assert(add("dropped", "", &fd, 1));
    close(fd);
    cr_expect_eq(descriptors_count(), before + 2);
    cr_expect_eq(channel_queue_write(&queue, pair[0]), CHANNEL_WRITE_DONE);
    expect_packet("with", 1);
    expect_packet("dropped", 1);
    cr_expect_eq(descriptors_count(), before);
}

Test(channel_queue, closes_the_descriptors_of_what_is_cleared)
{
    size_t before = descriptors_count();
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    cr_assert(add("never", " sent", &fd, 1));
    close(fd);
    channel_queue_clear(&queue);
    cr_expect_eq(queue.count, 0);
    cr_expect_eq(descriptors_count(), before);
}

/* A descriptor that cannot be duplicated: the queue is as it was. */
Test(channel_queue, takes_no_message_without_its_descriptors)
{
    size_t before = descriptors_count();
    int fds[2] = { pair[0], -1 };

    cr_assert_geq(MESSAGE_FDS_MAX, 2);
    cr_expect_not(add("half", "", fds, 2));
    cr_expect_eq(queue.count, 0);
    cr_expect_eq(descriptors_count(), before);
}
