#include "net/socket_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <limits.h>
#include <stdint.h>

#include "config/config.h"

static bool
set_socket_number(int fd, int level, int name, uint64_t value)
{
    int number = value > INT_MAX ? INT_MAX : (int)value;

    return setsockopt(fd, level, name, &number, sizeof(number)) == 0;
}

bool
socket_options_keep_alive(int fd, const struct keepalive *keepalive)
{
    if (!keepalive->on)
        return true;
    return set_socket_number(fd, SOL_SOCKET, SO_KEEPALIVE, 1) &&
        set_socket_number(fd, IPPROTO_TCP, TCP_KEEPIDLE, keepalive->idle_s) &&
        set_socket_number(fd, IPPROTO_TCP, TCP_KEEPINTVL,
            keepalive->interval_s) &&
        set_socket_number(fd, IPPROTO_TCP, TCP_KEEPCNT, keepalive->count);
}

bool
socket_takes_urgent_in_line(int fd)
{
    return set_socket_number(fd, SOL_SOCKET, SO_OOBINLINE, 1);
}

bool
socket_sends_at_once(int fd)
{
    return set_socket_number(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

bool
socket_close_resets(int fd, bool resets)
{
    const struct linger linger = { .l_onoff = resets, .l_linger = 0 };

    return setsockopt(
        fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0;
}

bool
socket_options_set_at_once(int fd, bool is_inet, const struct leg_config *leg)
{
    if (leg->receive_buffer_bytes > 0 &&
        !set_socket_number(
            fd, SOL_SOCKET, SO_RCVBUF, leg->receive_buffer_bytes))
        return false;
    if (leg->send_buffer_bytes > 0 &&
        !set_socket_number(fd, SOL_SOCKET, SO_SNDBUF, leg->send_buffer_bytes))
        return false;
    if (!socket_takes_urgent_in_line(fd))
        return false;
    if (!is_inet)
        return true;
    if (!socket_close_resets(fd, true))
        return false;
    return leg->user_timeout_ms == 0 ||
        set_socket_number(fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
            leg->user_timeout_ms);
}

bool
socket_options_set(int fd, bool is_inet, const struct leg_config *leg)
{
    if (!socket_options_set_at_once(fd, is_inet, leg))
        return false;
    return !is_inet ||
        (socket_sends_at_once(fd) &&
            socket_options_keep_alive(fd, &leg->keepalive));
}

bool
socket_options_never_wait(int fd)
{
    static const struct timeval moment = { .tv_usec = 1000 };

    return setsockopt(
               fd, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof(moment)) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &moment, sizeof(moment)) == 0;
}

bool
socket_options_reset(int fd)
{
    return set_socket_number(fd, SOL_SOCKET, SO_KEEPALIVE, 0) &&
        set_socket_number(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 0);
}
