/*
 * Socket addresses, IPv4, IPv6 and unix, and their text.
 */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct address {
    socklen_t length;
    struct sockaddr_storage storage;
};

/* Enough for any address as text, escaped unix paths included. */
#define ADDRESS_TEXT_SIZE 512

/* "192.0.2.1:80", "[2001:db8::1]:80", "unix:/path", "unix:@name", or "unix:"
 * for an unnamed peer.  A path's bytes are escaped as values are (escape.h).
 * Makes no system call.  Returns `text`. */
const char *address_format(const struct sockaddr *address, socklen_t length,
    char text[ADDRESS_TEXT_SIZE]);

/* A unix socket's address; a path that begins with '@' is in the abstract
 * namespace (unix(7)).  False: empty or too long. */
NODISCARD bool address_from_path(struct address *address, const char *path);

/* A numeric IPv4 or IPv6 host (a scope such as fe80::1%eth0 is understood).
 * False: not a numeric address, no such interface, or no such port. */
NODISCARD bool address_from_numeric(struct address *address, const char *host,
    unsigned port);

/* An IPv4 or IPv6 address's, in place of the one that it has. */
void address_set_port(struct address *address, unsigned port);

/* True if both are the same host and port (and zone), or the same path. */
bool address_same(const struct address *a, const struct address *b);

/* True if the host is this machine's own by its number alone: loopback, or any
 * address, which connect(2) takes for loopback; mapped to IPv6 or not. */
bool address_is_loopback(const struct address *address);

/* ::ffff:192.0.2.1 (RFC 4291 2.5.5.2) as 192.0.2.1; others are left alone. */
void address_unmap(struct address *address);

/* True if the host is the unspecified one, 0.0.0.0 or ::. */
bool address_is_any(const struct address *address);

/* 0 for a unix socket's. */
unsigned address_port(const struct address *address);

#endif
