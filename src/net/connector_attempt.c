#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/connector_internal.h"
#include "net/loop.h"
#include "net/socket_options.h"

enum {
    /* There is nothing to wait for when a unix socket's backlog is full (it says
     * EAGAIN: unix(7)), or when descriptors or ports have run out. */
    UNIX_RETRY_MS = 10,
    EXHAUSTED_RETRY_MS = 100,
    PORTLESS_MS = 50,

    /* Another address accepted meanwhile: so long is a sign of silence. */
    SILENCE_MS = 125,
};

static const struct sockaddr *
sockaddr_of(const struct address *address)
{
    return (const struct sockaddr *)&address->storage;
}

void
connector_drop_attempt(struct attempt *attempt)
{
    if (attempt->fd < 0)
        return;
    event_del(&attempt->ready);
    close(attempt->fd);
    attempt->fd = -1;
}

/* Keeps and tells what failed.  `address` NULL: none is known. */
void
connector_note_failure(struct connector *connector, enum connector_result why,
    const struct address *address)
{
    const struct connector_spec *spec = &connector->spec;

    if (why != CONNECTOR_OVERTAKEN) {
        connector->result = why;
        connector->failed_endpoint = connector->endpoint;
        connector->failed_address.length = 0;
        if (address != NULL)
            connector->failed_address = *address;
    }
    if (spec->failed != NULL)
        spec->failed(spec->arg, why,
            connector_endpoint(connector, connector->endpoint), address);
}

void
connector_remember_silent(
    struct connector *connector, const struct address *address)
{
    struct silent_addresses *silent = &connector->spec.memory->silent;
    uint64_t now_ms = clock_now_ms();
    char text[ADDRESS_TEXT_SIZE];

    if (address->storage.ss_family == AF_UNIX)
        return;
    if (!silent_addresses_avoid(silent, address, now_ms))
        log_warn(connector->spec.service->name,
            "server %s does not answer; others are tried first for %d s",
            address_format(sockaddr_of(address), address->length, text),
            SILENT_MS / 1000);
    silent_addresses_add(silent, address, now_ms);
}

void
connector_fail_target(
    struct connector *connector, size_t target, enum connector_result why)
{
    const struct address *address = &connector->addresses[target];

    connector->states[target] = TARGET_USED;
    if (why == CONNECTOR_TIMEOUT)
        connector_remember_silent(connector, address);
    connector_note_failure(connector, why, address);
}

void
connector_fail_attempt(struct attempt *attempt, enum connector_result why)
{
    connector_drop_attempt(attempt);
    connector_fail_target(attempt->connector, attempt->target, why);
}

static enum connector_result
result_of(int error)
{
    switch (error) {
    case ECONNREFUSED:
    case ENOENT: /* a unix path that is not there */
    case ECONNRESET: /* accepted, and dropped at once */
    case EPIPE:      /* the same, after a FIN */
        return CONNECTOR_REFUSED;
    case ETIMEDOUT:
    case EAGAIN: /* a unix backlog that stays full */
        return CONNECTOR_TIMEOUT;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
        return CONNECTOR_EXHAUSTED;
    case EADDRNOTAVAIL: /* connect(2) */
        return CONNECTOR_PORTLESS;
    case EACCES:
    case EPERM:
        return CONNECTOR_FORBIDDEN;
    default:
        return CONNECTOR_UNREACHABLE;
    }
}

/* What was silent until now is not waited for, but tried again if this server
 * proves useless. */
static void
drop_overtaken(struct connector *connector)
{
    uint64_t now_ms = clock_now_ms();

    for (size_t i = 0; i < ATTEMPTS_MOST; i++) {
        struct attempt *attempt = &connector->attempts[i];
        const struct address *address;

        if (attempt->fd < 0)
            continue;
        address = &connector->addresses[attempt->target];
        if (now_ms - attempt->since_ms >= SILENCE_MS)
            connector_remember_silent(connector, address);
        connector_drop_attempt(attempt);
        connector->states[attempt->target] = TARGET_NEW;
        connector_note_failure(connector, CONNECTOR_OVERTAKEN, address);
    }
}

static void
finish_connected(struct connector *connector, struct attempt *attempt)
{
    const struct endpoint *endpoint =
        connector_endpoint(connector, connector->endpoint);
    struct connector_spec spec = connector->spec;
    struct address address = connector->addresses[attempt->target];
    int fd = attempt->fd;

    event_del(&attempt->ready);
    event_del(&connector->timer);
    attempt->fd = -1; /* the caller's now */
    connector->won = attempt->target;
    connector->states[attempt->target] = TARGET_USED;
    drop_overtaken(connector);
    if (!connector_has_target(connector, TARGET_NEW) &&
        !connector_has_target(connector, TARGET_LATER) &&
        !connector_has_more_endpoints(connector))
        connector_cancel(connector);
    spec.done(spec.arg, CONNECTOR_CONNECTED, fd, endpoint, &address);
}

/* A port that the kernel gave to this very socket answers itself, where no
 * server listens there (RFC 793 3.4: simultaneous open). */
static bool
is_self(int fd, const struct address *own)
{
    struct address peer = { .length = sizeof(peer.storage) };

    return getpeername(fd, (struct sockaddr *)&peer.storage, &peer.length) ==
        0 &&
        address_same(own, &peer);
}

static bool
would_return(const struct connector *connector, const struct address *to,
    const struct address *from)
{
    const struct connector_spec *spec = &connector->spec;

    return spec->returns != NULL && spec->returns(spec->arg, to, from);
}

static enum connector_result
examine(const struct connector *connector, const struct attempt *attempt)
{
    const struct address *to = &connector->addresses[attempt->target];
    struct address own = { .length = sizeof(own.storage) };

    if (to->storage.ss_family == AF_UNIX ||
        getsockname(attempt->fd, (struct sockaddr *)&own.storage,
            &own.length) < 0)
        return CONNECTOR_CONNECTED;
    if (address_port(&own) == address_port(to) && is_self(attempt->fd, &own))
        return CONNECTOR_SELF;
    return would_return(connector, to, &own)
        ? CONNECTOR_RETURNS
        : CONNECTOR_CONNECTED;
}

/* True: the connector has finished, and may be gone. */
static bool
accept_attempt(struct attempt *attempt)
{
    enum connector_result result = examine(attempt->connector, attempt);

    if (result == CONNECTOR_CONNECTED) {
        finish_connected(attempt->connector, attempt);
        return true;
    }
    /* Closing resets (socket_options.h): TIME_WAIT would keep the port from the
     * server that is to have it. */
    connector_fail_attempt(attempt, result);
    return false;
}

/* A socket that failed is readable, too; one that connected only if its server
 * has spoken already. */
static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct attempt *attempt = arg;
    struct connector *connector = attempt->connector;
    int error = 0;
    socklen_t length = sizeof(error);

    if ((what & EV_READ) &&
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
        error = errno;
    if (error != 0)
        connector_fail_attempt(attempt, result_of(error));
    else if (accept_attempt(attempt))
        return;
    connector_go_on(connector);
}

static int
open_socket(const struct connector *connector, int family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error;

    if (fd >= 0 && !socket_options_set_at_once(fd, family != AF_UNIX,
                       &connector->spec.service->connect_leg)) {
        error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* TCP_ESTABLISHED and TCP_CLOSE_WAIT of <netinet/tcp.h>, whose struct tcp_info
 * lacks `tcpi_segs_in` and shuts out <linux/tcp.h>. */
enum { STATE_ESTABLISHED = 1, STATE_CLOSE_WAIT = 8 };

/* A server on this machine has accepted by the time connect(2) returns.
 * `*by_server`: certainly a server, for the SYN-ACK is the only segment that
 * came; a socket that is connected to itself has received its own SYN, too. */
static bool
is_connected(int fd, bool *by_server)
{
    struct tcp_info info = { .tcpi_segs_in = 0 };
    socklen_t length = sizeof(info);

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
        return false;
    *by_server =
        info.tcpi_state == STATE_ESTABLISHED && info.tcpi_segs_in == 1;
    return info.tcpi_state == STATE_ESTABLISHED ||
        info.tcpi_state == STATE_CLOSE_WAIT;
}

/* To find that no local port is free takes the kernel a look at each of them:
 * many clients that wait for one must not keep it busy with that.  Returns 0 or
 * the errno. */
static int
connect_to(struct connector *connector, int fd, const struct address *address)
{
    struct connector_memory *memory = connector->spec.memory;
    int error;

    if (memory->portless_until_ms > 0 &&
        address_same(&memory->portless, address) &&
        clock_now_ms() < memory->portless_until_ms)
        return EADDRNOTAVAIL;
    error = connect(fd, sockaddr_of(address), address->length) == 0 ? 0 : errno;
    if (error == EADDRNOTAVAIL) {
        memory->portless = *address;
        memory->portless_until_ms = clock_now_ms() + PORTLESS_MS;
    }
    return error;
}

/* True: what is short may be there soon.  Ports are counted for each address: for
 * another server some may be free. */
static bool
is_worth_another_try(const struct connector *connector, int error)
{
    if (result_of(error) == CONNECTOR_PORTLESS)
        return !connector_has_more_endpoints(connector);
    return error == EAGAIN || result_of(error) == CONNECTOR_EXHAUSTED;
}

static void
fail_or_put_off(struct connector *connector, size_t target, int error)
{
    if (!is_worth_another_try(connector, error)) {
        connector_fail_target(connector, target, result_of(error));
        return;
    }
    connector->states[target] = TARGET_LATER;
    connector->later = result_of(error);
    connector->retry_ms = error == EAGAIN ? UNIX_RETRY_MS : EXHAUSTED_RETRY_MS;
}

/* One that is free; if need be the oldest is given up. */
static struct attempt *
vacate_attempt(struct connector *connector)
{
    struct attempt *oldest = &connector->attempts[0];

    for (size_t i = 0; i < ATTEMPTS_MOST; i++) {
        struct attempt *attempt = &connector->attempts[i];

        if (attempt->fd < 0)
            return attempt;
        if (attempt->since_ms < oldest->since_ms)
            oldest = attempt;
    }
    connector_fail_attempt(oldest, CONNECTOR_TIMEOUT);
    return oldest;
}

/* A connect to this machine may be through at once.  Whether it leads back was
 * asked before: its own address would tell no more, so that is not looked up for
 * a socket that is certainly connected to a server. */
static bool
accept_at_once(struct attempt *attempt, bool *finished)
{
    bool by_server = false;

    if (!is_connected(attempt->fd, &by_server))
        return false;
    *finished = true;
    if (by_server)
        finish_connected(attempt->connector, attempt);
    else
        *finished = accept_attempt(attempt);
    return true;
}

/* True: it waits, or the connector has finished and may be gone. */
bool
connector_try_target(struct connector *connector, size_t target)
{
    const struct address *address = &connector->addresses[target];
    struct attempt *attempt = vacate_attempt(connector);
    bool finished;
    int error;

    if (would_return(connector, address, NULL)) {
        connector_fail_target(connector, target, CONNECTOR_RETURNS);
        return false;
    }
    attempt->fd = open_socket(connector, address->storage.ss_family);
    if (attempt->fd < 0) {
        fail_or_put_off(connector, target, errno);
        return false;
    }
    connector->states[target] = TARGET_TRYING;
    attempt->target = target;
    event_assign(&attempt->ready, connector->spec.loop->base, attempt->fd,
        EV_READ | EV_WRITE, on_ready, attempt);
    error = connect_to(connector, attempt->fd, address);
    if (error == 0)
        return accept_attempt(attempt);
    if (error == EINPROGRESS && address_is_loopback(address) &&
        accept_at_once(attempt, &finished))
        return finished;
    if (error != EINPROGRESS) {
        connector_drop_attempt(attempt);
        fail_or_put_off(connector, target, error);
        return false;
    }
    attempt->since_ms = clock_now_ms();
    event_add(&attempt->ready, NULL);
    connector_schedule(connector);
    return true;
}
