/*
 * The socket options that a leg's configuration asks for.
 */
#ifndef NET_SOCKET_OPTIONS_H
#define NET_SOCKET_OPTIONS_H

#include <stdbool.h>

struct keepalive;
struct leg_config;

/* Has the kernel leave urgent data at its place among the other data (tcp(7),
 * SO_OOBINLINE in socket(7)): otherwise it is lost.  False: errno says why. */
bool socket_takes_urgent_in_line(int fd);

/* Has the kernel of a TCP socket send what is little without waiting for more
 * (TCP_NODELAY, tcp(7)): what a relay has is all there is. */
bool socket_sends_at_once(int fd);

/* True: closing a TCP socket resets its connection, even if it is the kernel
 * that closes it because the process has died (SO_LINGER, socket(7)): a peer
 * must not take that for a proper end.  Unix sockets know no reset. */
bool socket_close_resets(int fd, bool resets);

/* Sets keepalive, TCP_NODELAY, user timeout, buffer sizes, and what the
 * functions above do; on a listening TCP socket accepted ones inherit them
 * (tcp(7)).  False: errno says why. */
bool socket_options_set(int fd, bool is_inet, const struct leg_config *leg);

/* Sets what a connecting socket needs from the first byte on: not keepalive, and
 * not TCP_NODELAY, without which a first write is sent at once all the same.
 * False: errno says why. */
bool socket_options_set_at_once(
    int fd, bool is_inet, const struct leg_config *leg);

/* Sets keepalive on a TCP socket, if it is on.  False: errno says why. */
bool socket_options_keep_alive(int fd, const struct keepalive *keepalive);

/* Bounds what accept(2) may wait for at this listening socket, and on TCP what
 * recv(2), send(2) and splice(2) may at those that it accepts: O_NONBLOCK belongs
 * to all processes that have the socket, any of which may clear it.  False:
 * errno says why. */
bool socket_options_never_wait(int fd);

/* Undoes what another configuration has set on a TCP socket, but for the sizes
 * of buffers: the kernel tunes none that was ever set.  False: errno says why. */
bool socket_options_reset(int fd);

#endif
