/*
 * Networks as they are written, 10.0.0.0/8 or 2001:db8::/32, and which addresses
 * lie in them.
 */
#ifndef CONFIG_CONFIG_NET_H
#define CONFIG_CONFIG_NET_H

#include <sys/socket.h>

#include <stdbool.h>

#include "base/base.h"
#include "config/config_fields.h"

struct fault;

/* `text` is ADDRESS, which is one address, or ADDRESS/BITS; `word` what stands in
 * front of it and a colon, for the messages.  False: `fault` says why. */
NODISCARD bool config_net_parse(struct match_net *net, const char *word,
    const char *text, struct fault *fault);

/* Whether an address of that family, in network order, lies in the network. */
bool config_net_holds(
    const struct match_net *net, sa_family_t family, const void *address);

#endif
