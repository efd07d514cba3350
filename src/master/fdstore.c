#include "master/fdstore.h"

#include <unistd.h>

#include "base/log.h"
#include "base/number.h"
#include "net/listen_table.h"
#include "systemd/activation.h"
#include "systemd/fdstore_name.h"
#include "systemd/notify.h"

static void
remove_name(struct notify *notify, const char *name)
{
    notify_send(notify, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}

/* For struct listen_table: the name is removed before the socket is closed, so
 * that no client waits for ever in its queue. */
static void
on_given_up(void *arg, const struct listen_socket *held)
{
    const struct fdstore *fdstore = arg;
    char name[STORE_NAME_SIZE];

    if (held->stored && fdstore_name_make(&held->socket, name))
        remove_name(fdstore->notify, name);
}

static bool
adopt_socket(struct listen_table *sockets, const struct passed *passed)
{
    struct listener_socket socket;
    struct listen_socket *held = NULL;

    if (!fdstore_name_read(passed->name, passed->fd, &socket))
        return false;
    if (sockets->count < SOCKETS_MAX &&
        listen_table_find(sockets, socket.text, socket.index) == NULL)
        held = listen_table_add(sockets, &socket);
    if (held != NULL) {
        held->serves = held->stored = true;
        return true;
    }
    socket.fd = -1;
    listener_socket_leave(&socket);
    return false;
}

static void
forget_all(struct listen_table *sockets)
{
    for (size_t i = 0; i < sockets->count; i++)
        sockets->items[i].stored = false;
}

void
fdstore_adopt(struct fdstore *fdstore, struct activation *activation)
{
    struct listen_table *sockets = fdstore->sockets;
    size_t adopted = 0, removed = 0;

    sockets->given_up = on_given_up;
    sockets->arg = fdstore;
    for (size_t i = 0; i < activation->count; i++) {
        struct passed *passed = &activation->items[i];

        if (passed->name == NULL || !fdstore_name_is_ours(passed->name))
            continue;
        if (adopt_socket(sockets, passed)) {
            adopted++;
        } else {
            log_warn(NULL, "closing a socket that the service manager has kept "
                "and no service can use: %s", passed->name);
            remove_name(fdstore->notify, passed->name);
            close(passed->fd);
            removed++;
        }
        passed->fd = -1;
    }
    /* Two may have had one name; it does no harm to store one again. */
    if (removed > 0)
        forget_all(sockets);
    if (adopted > 0)
        log_info(NULL, "listening on %zu socket%s that the service manager has "
            "kept", adopted, number_plural(adopted));
}

/* FDPOLL=0: a listening socket has no end that the manager should see. */
static void
store_socket(struct notify *notify, struct listen_socket *held)
{
    char name[STORE_NAME_SIZE];

    if (!held->serves || listen_socket_is_passed(held) || held->stored)
        return;
    if (!fdstore_name_make(&held->socket, name)) {
        log_debug(NULL, "%s cannot be stored: its name is too long",
            held->socket.text);
        return;
    }
    notify_send_fd(notify, held->socket.fd,
        "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
    held->stored = true;
}

void
fdstore_fill(struct fdstore *fdstore)
{
    struct listen_table *sockets = fdstore->sockets;

    if (!notify_is_on(fdstore->notify))
        return;
    for (size_t i = 0; i < sockets->count; i++)
        store_socket(fdstore->notify, &sockets->items[i]);
}

void
fdstore_refill(struct fdstore *fdstore)
{
    forget_all(fdstore->sockets);
    fdstore_fill(fdstore);
}
