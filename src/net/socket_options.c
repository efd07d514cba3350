#include "net/socket_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <limits.h>
#include <stdint.h>

#include "config/config.h"

static bool
set(int fd, int level, int name, uint64_t value)
{
    int number = value > INT_MAX ? INT_MAX : (int)value;

    return setsockopt(fd, level, name, &number, sizeof(number)) == 0;
}

static bool
set_keepalive(int fd, const struct keepalive *keepalive)
{
    if (!keepalive->on)
        return true;
    return set(fd, SOL_SOCKET, SO_KEEPALIVE, 1) &&
        set(fd, IPPROTO_TCP, TCP_KEEPIDLE, keepalive->idle_s) &&
        set(fd, IPPROTO_TCP, TCP_KEEPINTVL, keepalive->interval_s) &&
        set(fd, IPPROTO_TCP, TCP_KEEPCNT, keepalive->count);
}

bool
socket_options_set(int fd, bool is_inet, const struct leg_config *leg)
{
    if (leg->receive_buffer_bytes > 0 &&
        !set(fd, SOL_SOCKET, SO_RCVBUF, leg->receive_buffer_bytes))
        return false;
    if (leg->send_buffer_bytes > 0 &&
        !set(fd, SOL_SOCKET, SO_SNDBUF, leg->send_buffer_bytes))
        return false;
    if (!is_inet)
        return true;
    /* A relay never waits for more to send: what it has is all there is. */
    if (!set(fd, IPPROTO_TCP, TCP_NODELAY, 1))
        return false;
    if (leg->user_timeout_ms > 0 &&
        !set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, leg->user_timeout_ms))
        return false;
    return set_keepalive(fd, &leg->keepalive);
}

bool
socket_options_reset(int fd)
{
    return set(fd, SOL_SOCKET, SO_KEEPALIVE, 0) &&
        set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 0);
}
