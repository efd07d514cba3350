#include "relay/acceptor.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/scoreboard.h"
#include "config/config.h"
#include "net/listener.h"
#include "relay/balance.h"
#include "relay/conn.h"
#include "relay/conn_stats.h"
#include "relay/limits.h"
#include "relay/limits_handed.h"
#include "relay/relay.h"
#include "relay/service.h"
#include "relay/share.h"

static const char *
service_name_of(const struct acceptor *acceptor)
{
    return acceptor_service(acceptor)->config->name;
}

/* NULL: not decided yet. */
static struct service *
counted_service(const struct acceptor *acceptor)
{
    return acceptor->share == NULL ? acceptor_service(acceptor) : NULL;
}

static bool
may_accept(void *arg)
{
    struct acceptor *acceptor = arg;

    if (acceptor->closing) {
        limits_enter(acceptor->relay, counted_service(acceptor));
        return true;
    }
    return acceptor->share != NULL
        ? limits_admit_undecided(acceptor->relay, acceptor->share)
        : limits_admit(acceptor->relay, acceptor_service(acceptor));
}

static void
on_nothing_accepted(void *arg)
{
    struct acceptor *acceptor = arg;

    limits_leave(acceptor->relay, acceptor_counted(acceptor));
}

static void
on_exhausted(void *arg, int error)
{
    const struct acceptor *acceptor = arg;

    errno = error;
    log_warn(service_name_of(acceptor),
        "accepting on %s pauses: %m; raise LimitNOFILE or memory, or lower "
        "max_connections",
        acceptor->text);
}

/* The slot of the worker that gets a connection just counted in here; our own:
 * it stays. */
static unsigned
choose_slot(const struct acceptor *acceptor)
{
    const struct relay *relay = acceptor->relay;
    uint64_t least, own;
    unsigned slot;

    if (relay->hand_over == NULL || acceptor->closing)
        return relay->slot;
    slot = scoreboard_least_loaded(
        relay->board, relay->slot, clock_now_ms(), limits_pending(relay),
        &least);
    own = scoreboard_slot_active(relay->board, relay->slot, SCOREBOARD_ALL) -
        limits_pending_sum(relay);
    return slot < SCOREBOARD_SLOTS && balance_should_move(own, least) ? slot
                                                                 : relay->slot;
}

/* The client stays counted here until the other side has counted it in. */
static bool
hand_over(struct acceptor *acceptor, int fd, const struct sockaddr *peer,
    socklen_t length)
{
    struct address client = { .length = length };
    struct relay *relay = acceptor->relay;
    unsigned index = acceptor_counted(acceptor), slot = choose_slot(acceptor);

    relay->accepted++;
    if (slot == relay->slot || !limits_hand(relay, slot, index))
        return false;
    memcpy(&client.storage, peer, length);
    if (relay->hand_over(relay->arg, slot, acceptor, fd, &client)) {
        conn_stats_count(
            relay, counted_service(acceptor), METRIC_HANDED_OVER, 1);
        close(fd);
        return true;
    }
    limits_keep(relay, slot, index);
    return false;
}

static void
on_accepted(void *arg, int fd, const struct sockaddr *peer, socklen_t length)
{
    struct acceptor *acceptor = arg;
    struct relay *relay = acceptor->relay;

    conn_stats_count(relay, counted_service(acceptor), METRIC_ACCEPTED, 1);
    if (hand_over(acceptor, fd, peer, length))
        return;
    if (acceptor->share != NULL)
        conn_start_shared(
            relay, acceptor->share, acceptor->id, fd, peer, length);
    else
        conn_start(relay, acceptor_service(acceptor), acceptor->id,
            acceptor->tls, fd, peer, length);
}

/* The master looks after its sockets, and sends another one. */
static void
on_dead(void *arg, int error)
{
    const struct acceptor *acceptor = arg;

    errno = error;
    log_error(service_name_of(acceptor),
        "the listening socket of %s does not listen any more (%m): no "
        "client is accepted there until it is replaced",
        acceptor->text);
}

static const struct listener_calls calls = {
    .may_accept = may_accept,
    .accepted = on_accepted,
    .nothing = on_nothing_accepted,
    .exhausted = on_exhausted,
    .dead = on_dead,
};

static void
on_paused(void *arg, bool paused)
{
    struct acceptor *acceptor = arg;

    if (paused)
        listener_pause(acceptor->listener);
    else
        listener_resume(acceptor->listener);
}

static void
acceptor_free(struct acceptor *acceptor)
{
    listener_free(acceptor->listener);
    service_unref(acceptor_service(acceptor));
    share_unref(acceptor->share);
    free(acceptor->text);
    free(acceptor);
}

struct acceptor *
acceptor_open(struct relay *relay, uint64_t id, int fd, const char *text,
    bool tls, struct service *service)
{
    struct acceptor *acceptor = calloc(1, sizeof(*acceptor));

    if (acceptor == NULL)
        return NULL;
    *acceptor = (struct acceptor){ .relay = relay,
        .waiter = { .service = service_ref(service),
            .changed = on_paused,
            .arg = acceptor },
        .text = strdup(text),
        .id = id,
        .tls = tls };
    if (acceptor->text != NULL)
        acceptor->listener = listener_adopt(relay->loop, fd, &calls, acceptor);
    if (acceptor->listener == NULL) {
        acceptor_free(acceptor);
        return NULL;
    }
    acceptor_table_add(relay, acceptor, fd);
    limits_join(relay, &acceptor->waiter);
    return acceptor;
}

void
acceptor_serve(struct acceptor *acceptor, struct service *service)
{
    service_ref(service); /* first: it may be the same */
    service_unref(acceptor_service(acceptor));
    acceptor->waiter.service = service;
    limits_update(acceptor->relay, &acceptor->waiter);
}

void
acceptor_divide(struct acceptor *acceptor, struct share *share)
{
    struct share *before = acceptor->share;

    acceptor->share = share != NULL ? share_ref(share) : NULL;
    acceptor->waiter.share = share;
    share_unref(before);
    limits_update(acceptor->relay, &acceptor->waiter);
}

void
acceptor_close(struct acceptor *acceptor, bool empty_first)
{
    if (empty_first) {
        acceptor->closing = true;
        listener_drain(acceptor->listener);
    }
    limits_part(&acceptor->waiter);
    acceptor_table_remove(acceptor);
    acceptor_free(acceptor);
}

void
acceptor_close_all(struct relay *relay, bool empty_first)
{
    struct acceptor *acceptor;

    while ((acceptor = LIST_FIRST(&relay->acceptors)) != NULL)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it is off the list */
        acceptor_close(acceptor, empty_first);
}

bool
acceptor_is_dead(const struct acceptor *acceptor)
{
    return listener_is_dead(acceptor->listener);
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

/* What a client is taken for: a service, or several that share an address. */
struct taking {
    struct service *service; /* NULL: none is there any more */
    struct share *share;     /* NULL: all clients are the service's */
    uint64_t acceptor;
    bool tls;
};

static void
count_taken_anew(
    struct relay *relay, const struct taking *taking, unsigned counted)
{
    bool shared = taking->share != NULL;

    if (counted ==
        (shared ? (unsigned)SCOREBOARD_ALL : taking->service->index))
        return;
    limits_enter(relay, shared ? NULL : taking->service);
    limits_leave(relay, counted);
}

/* `counted`: the service, by its index, that it was counted in for. */
static void
start_taken_conn(struct relay *relay, const struct taking *taking, int fd,
    unsigned counted, const struct address *client)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof(peer);
    const struct sockaddr *name = (const struct sockaddr *)&peer;

    if (taking->service == NULL || !find_peer(fd, client, &peer, &length)) {
        close(fd);
        limits_leave(relay, counted);
        return;
    }
    count_taken_anew(relay, taking, counted);
    if (taking->share != NULL)
        conn_start_shared(
            relay, taking->share, taking->acceptor, fd, name, length);
    else
        conn_start(relay, taking->service, taking->acceptor, taking->tls, fd,
            name, length);
}

/* The sender may have counted the connection under another service, or none:
 * then it is counted anew, under the service that this acceptor has. */
void
acceptor_take(struct relay *relay, struct acceptor *acceptor, int fd,
    unsigned index, const struct address *client)
{
    unsigned counted = index < SCOREBOARD_SERVICES ? index
                                                   : (unsigned)SCOREBOARD_ALL;

    struct taking taking = { .service = NULL };

    if (acceptor != NULL)
        taking = (struct taking){
            .service = acceptor_service(acceptor),
            .share = acceptor->share,
            .acceptor = acceptor->id,
            .tls = acceptor->tls,
        };
    start_taken_conn(relay, &taking, fd, counted, client);
}

void
acceptor_take_closed(struct relay *relay, struct service *service, bool tls,
    int fd, const struct address *client)
{
    const struct taking taking = { .service = service, .tls = tls };

    start_taken_conn(relay, &taking, fd, service->index, client);
}
