/*
 * The socket options that a leg's configuration asks for.
 */
#ifndef NET_SOCKET_OPTIONS_H
#define NET_SOCKET_OPTIONS_H

#include <stdbool.h>

struct leg_config;

/* Sets keepalive, TCP_NODELAY, user timeout and buffer sizes; on a listening
 * socket accepted ones inherit them (tcp(7)).  False: errno says why. */
bool socket_options_set(int fd, bool is_inet, const struct leg_config *leg);

/* Undoes what another configuration has set on a TCP socket, but for the sizes
 * of buffers: the kernel tunes none that was ever set.  False: errno says why. */
bool socket_options_reset(int fd);

#endif
