#include "net/connector_attempt.h"

#include <event2/event.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"
#include "config/config.h"
#include "net/connector_memory.h"
#include "net/socket_options.h"

enum {
    /* There is nothing to wait for when a unix socket's backlog is full (it says
     * EAGAIN: unix(7)), or when descriptors or ports have run out. */
    UNIX_RETRY_MS = 10,
    EXHAUSTED_RETRY_MS = 100,

    /* Another address accepted meanwhile: so long is a sign of silence. */
    SILENCE_MS = 125,
};

void
connector_attempt_init(
    struct connector_attempt *attempt, const struct connector_attempts *shared)
{
    attempt->shared = shared;
    attempt->fd = -1;
}

void
connector_attempt_drop(struct connector_attempt *attempt)
{
    if (attempt->fd < 0)
        return;
    event_del(&attempt->ready);
    close(attempt->fd);
    attempt->fd = -1;
}

int
connector_attempt_release(struct connector_attempt *attempt)
{
    int fd = attempt->fd;

    event_del(&attempt->ready);
    attempt->fd = -1;
    return fd;
}

uint64_t
connector_attempt_retry_ms(enum connector_result result)
{
    return result == CONNECTOR_TIMEOUT ? UNIX_RETRY_MS : EXHAUSTED_RETRY_MS;
}

bool
connector_attempt_is_silent(
    const struct connector_attempt *attempt, uint64_t now_ms)
{
    return now_ms - attempt->since_ms >= SILENCE_MS;
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
attempt_would_return(
    const struct connector_attempt *attempt, const struct address *from)
{
    const struct connector_attempts *shared = attempt->shared;

    return shared->returns(shared->arg, attempt->to, from);
}

/* What a socket that is connected is worth. */
static enum connector_result
examine_connected(const struct connector_attempt *attempt)
{
    const struct address *to = attempt->to;
    struct address own = { .length = sizeof(own.storage) };

    if (to->storage.ss_family == AF_UNIX ||
        getsockname(attempt->fd, (struct sockaddr *)&own.storage,
            &own.length) < 0)
        return CONNECTOR_CONNECTED;
    if (address_port(&own) == address_port(to) && is_self(attempt->fd, &own))
        return CONNECTOR_SELF;
    return attempt_would_return(attempt, &own) ? CONNECTOR_RETURNS
                                       : CONNECTOR_CONNECTED;
}

/* Closing one that is useless resets (socket_options.h): TIME_WAIT would keep the
 * port from the server that is to have it. */
static enum connector_attempt_state
accept_attempt(
    struct connector_attempt *attempt, enum connector_result *result)
{
    *result = examine_connected(attempt);
    if (*result == CONNECTOR_CONNECTED)
        return ATTEMPT_CONNECTED;
    connector_attempt_drop(attempt);
    return ATTEMPT_FAILED;
}

/* A socket that failed is readable, too; one that connected only if its server
 * has spoken already. */
static void
on_attempt_ready(evutil_socket_t fd, short what, void *arg)
{
    struct connector_attempt *attempt = arg;
    enum connector_result result;
    int error = 0;
    socklen_t length = sizeof(error);

    if ((what & EV_READ) &&
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
        error = errno;
    if (error != 0) {
        result = connector_result_of(error);
        connector_attempt_drop(attempt);
    } else {
        (void)accept_attempt(attempt, &result);
    }
    attempt->shared->ended(attempt->shared->arg, attempt, result);
}

static int
open_connect_socket(const struct service_config *service, int family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error;

    if (fd >= 0 && !socket_options_set_at_once(
                       fd, family != AF_UNIX, &service->connect_leg)) {
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
connect_to(const struct connector_attempt *attempt)
{
    struct connector_memory *memory = attempt->shared->memory;
    const struct address *to = attempt->to;
    int error;

    if (connector_memory_is_portless(memory, to))
        return EADDRNOTAVAIL;
    error = connect(attempt->fd, (const struct sockaddr *)&to->storage,
                to->length) == 0
        ? 0
        : errno;
    if (error == EADDRNOTAVAIL)
        connector_memory_add_portless(memory, to);
    return error;
}

static enum connector_attempt_state
end_failed_attempt(struct connector_attempt *attempt, int error,
    enum connector_result *result)
{
    *result = connector_result_of(error);
    connector_attempt_drop(attempt);
    return error == EAGAIN || *result == CONNECTOR_EXHAUSTED ||
            *result == CONNECTOR_PORTLESS
        ? ATTEMPT_SHORT
        : ATTEMPT_FAILED;
}

/* A connect to this machine may be through at once.  Whether it leads back was
 * asked before: its own address would tell no more, so that is not looked up for
 * a socket that is certainly connected to a server. */
static bool
accept_at_once(struct connector_attempt *attempt,
    enum connector_attempt_state *state, enum connector_result *result)
{
    bool by_server = false;

    if (!is_connected(attempt->fd, &by_server))
        return false;
    *state = by_server ? ATTEMPT_CONNECTED : accept_attempt(attempt, result);
    return true;
}

enum connector_attempt_state
connector_attempt_begin(struct connector_attempt *attempt,
    const struct address *to, enum connector_result *result)
{
    const struct connector_attempts *shared = attempt->shared;
    enum connector_attempt_state state;
    int error;

    attempt->to = to;
    if (attempt_would_return(attempt, NULL)) {
        *result = CONNECTOR_RETURNS;
        return ATTEMPT_FAILED;
    }
    attempt->fd = open_connect_socket(shared->service, to->storage.ss_family);
    if (attempt->fd < 0)
        return end_failed_attempt(attempt, errno, result);
    event_assign(&attempt->ready, shared->base, attempt->fd,
        EV_READ | EV_WRITE, on_attempt_ready, attempt);
    error = connect_to(attempt);
    if (error == 0)
        return accept_attempt(attempt, result);
    if (error != EINPROGRESS)
        return end_failed_attempt(attempt, error, result);
    if (address_is_loopback(to) && accept_at_once(attempt, &state, result))
        return state;
    attempt->since_ms = clock_now_ms();
    return event_add(&attempt->ready, NULL) == 0
        ? ATTEMPT_WAITS
        : end_failed_attempt(attempt, ENOMEM, result);
}
