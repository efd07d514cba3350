#include "relay/door.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "base/board.h"
#include "base/log.h"
#include "config/config.h"
#include "net/listener.h"
#include "relay/balance.h"
#include "relay/conn.h"
#include "relay/limits.h"
#include "relay/relay.h"
#include "relay/service.h"
#include "relay/tally.h"

struct door {
    struct door *next;
    struct door **link; /* what points to this door */
    struct relay *relay;
    struct service *service; /* a reference */
    struct listener *listener;
    char *text;
    uint64_t id;
    bool tls;
    bool paused;
    bool closing; /* its queue is being emptied */
};

static const char *
name_of(const struct door *door)
{
    return door->service->config->name;
}

static bool
may_accept(void *arg)
{
    struct door *door = arg;

    if (!door->closing)
        return limits_admit(door->relay, door->service);
    limits_enter(door->relay, door->service);
    return true;
}

static void
on_nothing(void *arg)
{
    struct door *door = arg;

    limits_leave(door->relay, door->service->index);
}

static void
on_exhausted(void *arg, int error)
{
    const struct door *door = arg;

    errno = error;
    log_warn(name_of(door),
        "accepting on %s pauses: %m; raise LimitNOFILE or memory, or lower "
        "max_connections",
        door->text);
}

/* Whom to give the connection to that was just counted in here; our own slot:
 * it stays. */
static unsigned
choose_slot(const struct door *door)
{
    const struct relay *relay = door->relay;
    uint64_t least, own;
    unsigned slot;

    if (relay->hand_over == NULL || door->closing)
        return relay->slot;
    slot = board_least_loaded(relay->board, relay->slot, &least);
    own = board_slot_active(relay->board, relay->slot, BOARD_ALL);
    return slot < BOARD_SLOTS && balance_should_move(own, least)
        ? slot
        : relay->slot;
}

/* It is counted at the other side first: its end may come there before ours is
 * through. */
static bool
hand_over(struct door *door, int fd, const struct sockaddr *peer,
    socklen_t length)
{
    struct address client = { .length = length };
    struct relay *relay = door->relay;
    unsigned index = door->service->index, slot = choose_slot(door);

    if (slot == relay->slot)
        return false;
    memcpy(&client.storage, peer, length);
    limits_move(relay, index, relay->slot, slot);
    if (relay->hand_over(relay->arg, slot, door, fd, &client)) {
        tally_count(relay, door->service, BOARD_HANDED_OVER, 1);
        close(fd);
        return true;
    }
    limits_move(relay, index, slot, relay->slot);
    return false;
}

static void
on_accepted(void *arg, int fd, const struct sockaddr *peer, socklen_t length)
{
    struct door *door = arg;

    tally_count(door->relay, door->service, BOARD_ACCEPTED, 1);
    if (!hand_over(door, fd, peer, length))
        conn_start(
            door->relay, door->service, door->tls, fd, peer, length);
}

static const struct listener_calls calls = {
    .may_accept = may_accept,
    .accepted = on_accepted,
    .nothing = on_nothing,
    .exhausted = on_exhausted,
};

static void
door_free(struct door *door)
{
    listener_free(door->listener);
    service_unref(door->service);
    free(door->text);
    free(door);
}

static void
link_door(struct door *door, struct relay *relay)
{
    door->next = relay->doors;
    door->link = &relay->doors;
    if (door->next != NULL)
        door->next->link = &door->next;
    relay->doors = door;
}

static void
unlink_door(struct door *door)
{
    *door->link = door->next;
    if (door->next != NULL)
        door->next->link = door->link;
}

struct door *
door_open(struct relay *relay, uint64_t id, int fd, const char *text, bool tls,
    struct service *service)
{
    struct door *door = calloc(1, sizeof(*door));

    if (door == NULL)
        return NULL;
    *door = (struct door){ .relay = relay,
        .service = service_ref(service),
        .text = strdup(text),
        .id = id,
        .tls = tls };
    if (door->text != NULL)
        door->listener = listener_adopt(relay->loop, fd, &calls, door);
    if (door->listener == NULL) {
        door_free(door);
        return NULL;
    }
    link_door(door, relay);
    door_update(door);
    return door;
}

void
door_serve(struct door *door, struct service *service)
{
    service_ref(service); /* first: it may be the same */
    service_unref(door->service);
    door->service = service;
    door_update(door);
}

void
door_close(struct door *door, bool empty_first)
{
    if (empty_first) {
        door->closing = true;
        listener_drain(door->listener);
    }
    unlink_door(door);
    door_free(door);
}

void
door_close_all(struct relay *relay, bool empty_first)
{
    struct door *next;

    for (struct door *door = relay->doors; door != NULL; door = next) {
        next = door->next;
        door_close(door, empty_first);
    }
}

struct door *
door_find(const struct relay *relay, uint64_t id)
{
    struct door *door = relay->doors;

    while (door != NULL && door->id != id)
        door = door->next;
    return door;
}

uint64_t
door_id(const struct door *door)
{
    return door->id;
}

const char *
door_text(const struct door *door)
{
    return door->text;
}

bool
door_is_tls(const struct door *door)
{
    return door->tls;
}

struct service *
door_service(const struct door *door)
{
    return door->service;
}

struct door *
door_next(const struct door *door)
{
    return door->next;
}

/* A client that has gone has no name any more, but still an end that is to be
 * logged.  False: it is no socket of a client. */
static bool
find_peer(int fd, const struct address *client, struct sockaddr_storage *peer,
    socklen_t *length)
{
    sa_family_t family = client->storage.ss_family;

    *peer = (struct sockaddr_storage){ .ss_family = AF_UNSPEC };
    if (getpeername(fd, (struct sockaddr *)peer, length) == 0)
        return true;
    *length = sizeof(family);
    if (errno != ENOTCONN)
        return false;
    if ((family == AF_INET && client->length == sizeof(struct sockaddr_in)) ||
        (family == AF_INET6 && client->length == sizeof(struct sockaddr_in6))) {
        *peer = client->storage;
        *length = client->length;
    }
    return true;
}

/* `counted`: the service, by its index, that it was counted in for. */
static void
take(struct relay *relay, struct service *service, bool tls, int fd,
    unsigned counted, const struct address *client)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof(peer);

    if (service == NULL || !find_peer(fd, client, &peer, &length)) {
        close(fd);
        limits_leave(relay, counted);
        return;
    }
    if (counted != service->index) {
        limits_enter(relay, service);
        limits_leave(relay, counted);
    }
    conn_start(relay, service, tls, fd, (struct sockaddr *)&peer, length);
}

/* Whoever sent it may have another service behind this door by now, or none:
 * then it is counted under the one that serves it. */
void
door_take(struct relay *relay, struct door *door, int fd, unsigned index,
    const struct address *client)
{
    unsigned counted = index < BOARD_SERVICES ? index : (unsigned)BOARD_ALL;

    if (door != NULL)
        take(relay, door->service, door->tls, fd, counted, client);
    else
        take(relay, NULL, false, fd, counted, client);
}

void
door_take_closed(struct relay *relay, struct service *service, bool tls,
    int fd, const struct address *client)
{
    take(relay, service, tls, fd, service->index, client);
}

void
door_update(struct door *door)
{
    bool paused = door->relay->paused || door->service->paused;

    if (paused == door->paused)
        return;
    door->paused = paused;
    if (paused)
        listener_pause(door->listener);
    else
        listener_resume(door->listener);
}
