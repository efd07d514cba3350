/*
 * Host names and IP addresses as text.
 */
#ifndef CONFIG_CONFIG_HOST_H
#define CONFIG_CONFIG_HOST_H

#include <stdbool.h>

#include "base/base.h"

struct fault;

enum host_kind { HOST_NAME, HOST_IPV4, HOST_IPV6 };

#define HOST_NAME_MAX_LENGTH 253

/* Room for any host, an IPv6 address with its zone included. */
#define HOST_SIZE (HOST_NAME_MAX_LENGTH + 1)

struct host {
    enum host_kind kind;
    char text[HOST_SIZE];   /* names in lower case, addresses in the form of
                               inet_ntop(3) */
};

/* Takes a name or an address, IPv6 without brackets (a zone such as %eth0 may
 * follow).  False: `fault` says why. */
NODISCARD bool config_host_parse(struct host *host, const char *text,
    struct fault *fault);

#endif
