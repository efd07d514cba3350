#include "systemd/notify.h"

#include <event2/event.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/fd_pass.h"
#include "base/log.h"

enum { TEXT_SIZE = 2048 };

struct notify_item {
    STAILQ_ENTRY(notify_item) entry;
    int fd; /* -1: none goes with it */
    size_t length;
    char text[];
};

void
notify_init(struct notify *notify)
{
    const char *path = getenv("NOTIFY_SOCKET");

    *notify = (struct notify){ .fd = -1 };
    STAILQ_INIT(&notify->items);
    if (path != NULL && (path[0] == '/' || path[0] == '@'))
        notify->path = strdup(path);
}

void
notify_attach(struct notify *notify, struct event_base *base)
{
    notify->base = base;
}

bool
notify_is_on(const struct notify *notify)
{
    return notify->path != NULL;
}

static void
drop_first_item(struct notify *notify)
{
    struct notify_item *item = STAILQ_FIRST(&notify->items);

    STAILQ_REMOVE_HEAD(&notify->items, entry);
    if (item->fd >= 0)
        close(item->fd);
    free(item);
}

static void
disconnect_notify(struct notify *notify)
{
    if (notify->writable != NULL)
        event_free(notify->writable);
    notify->writable = NULL;
    if (notify->fd >= 0)
        close(notify->fd);
    notify->fd = -1;
}

void
notify_leave(struct notify *notify)
{
    disconnect_notify(notify);
    while (!STAILQ_EMPTY(&notify->items))
        drop_first_item(notify);
    free(notify->path);
    notify->path = NULL;
}

void
notify_free(struct notify *notify)
{
    notify_leave(notify);
    *notify = (struct notify){ .fd = -1 };
    STAILQ_INIT(&notify->items);
}

static bool
connect_notify_socket(struct notify *notify)
{
    struct address address;

    if (notify->fd >= 0)
        return true;
    if (!address_from_path(&address, notify->path))
        return false;
    notify->fd =
        socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (notify->fd >= 0 &&
        connect(notify->fd, (const struct sockaddr *)&address.storage,
            address.length) == 0)
        return true;
    disconnect_notify(notify);
    return false;
}

static bool
send_item(int to, const struct notify_item *item)
{
    union fd_pass pass;
    struct iovec part = { (void *)item->text, item->length };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

    fd_pass_pack(&message, &pass, &item->fd, item->fd >= 0 ? 1 : 0);
    return sendmsg(to, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

enum outcome { SENT, FULL, LOST };

/* A manager that was started anew listens at the same name. */
static enum outcome
try_item(struct notify *notify, const struct notify_item *item)
{
    for (int i = 0; i < 2 && connect_notify_socket(notify); i++) {
        if (send_item(notify->fd, item))
            return SENT;
        if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS)
            return FULL;
        disconnect_notify(notify);
    }
    return LOST;
}

static void on_notify_writable(evutil_socket_t fd, short what, void *arg);

static void
wait_for_room(struct notify *notify)
{
    if (notify->base == NULL)
        return;
    if (notify->writable == NULL)
        notify->writable = event_new(
            notify->base, notify->fd, EV_WRITE, on_notify_writable, notify);
    if (notify->writable == NULL || event_add(notify->writable, NULL) < 0)
        log_error(NULL, "notifications to systemd are late: out of memory");
}

/* What cannot be delivered at all keeps nothing behind it from being tried. */
static void
send_notify_items(struct notify *notify)
{
    while (!STAILQ_EMPTY(&notify->items) && !notify->held) {
        enum outcome outcome =
            try_item(notify, STAILQ_FIRST(&notify->items));

        if (outcome == FULL) {
            wait_for_room(notify);
            return;
        }
        if (outcome == LOST)
            log_debug(NULL, "cannot notify systemd: %m");
        drop_first_item(notify);
    }
}

static void
on_notify_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    send_notify_items(arg);
}

/* A copy of the descriptor, because ours may be closed before it is sent. */
static struct notify_item *
make_item(const char *text, size_t length, int fd)
{
    struct notify_item *item = malloc(sizeof(*item) + length);

    if (item == NULL)
        return NULL;
    item->length = length;
    item->fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    memcpy(item->text, text, length);
    if (fd < 0 || item->fd >= 0)
        return item;
    free(item);
    return NULL;
}

static void PRINTF_LIKE(3, 0)
enqueue_notification(
    struct notify *notify, int fd, const char *format, va_list arguments)
{
    char text[TEXT_SIZE];
    struct notify_item *item = NULL;
    int length;

    if (notify->path == NULL)
        return;
    length = vsnprintf(text, sizeof(text), format, arguments);
    if (length > 0 && length < (int)sizeof(text))
        item = make_item(text, (size_t)length, fd);
    if (item == NULL) {
        log_error(NULL, "cannot notify systemd: %m");
        return;
    }
    STAILQ_INSERT_TAIL(&notify->items, item, entry);
    send_notify_items(notify);
}

void
notify_send(struct notify *notify, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    enqueue_notification(notify, -1, format, arguments);
    va_end(arguments);
}

void
notify_send_fd(struct notify *notify, int fd, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    enqueue_notification(notify, fd, format, arguments);
    va_end(arguments);
}

void
notify_hold(struct notify *notify, bool held)
{
    notify->held = held;
    send_notify_items(notify);
}

bool
notify_flush(struct notify *notify, int timeout_ms)
{
    uint64_t now_ms = clock_now_ms();
    uint64_t until_ms = now_ms + (uint64_t)timeout_ms;

    send_notify_items(notify);
    while (!STAILQ_EMPTY(&notify->items) && !notify->held &&
        now_ms < until_ms) {
        struct pollfd wanted = { .fd = notify->fd, .events = POLLOUT };

        (void)poll(&wanted, 1, (int)(until_ms - now_ms));
        send_notify_items(notify);
        now_ms = clock_now_ms();
    }
    return STAILQ_EMPTY(&notify->items);
}
