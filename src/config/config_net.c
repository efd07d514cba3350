#include "config/config_net.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <string.h>

#include "base/number.h"
#include "config/config_fault.h"

static size_t
net_bytes(const struct match_net *net)
{
    return net->family == AF_INET ? 4 : 16;
}

/* Zeroes what is behind the bits.  False: there was something. */
static bool
cut_net(struct match_net *net)
{
    bool clean = true;

    for (size_t i = 0; i < net_bytes(net); i++) {
        unsigned here = net->bits > 8 * i ? net->bits - 8 * (unsigned)i : 0;
        uint8_t mask = (uint8_t)(here >= 8 ? 0xff : 0xff00 >> here);

        clean = clean && (net->bytes[i] & ~mask) == 0;
        net->bytes[i] &= mask;
    }
    return clean;
}

/* Splits "ADDRESS/BITS"; without "/BITS" it is one address. */
static bool
parse_net_address(struct match_net *net, const char *text, const char **bits)
{
    char host[INET6_ADDRSTRLEN];
    size_t length = strcspn(text, "/");

    if (length >= sizeof(host))
        return false;
    memcpy(host, text, length);
    host[length] = '\0';
    *bits = text[length] == '/' ? text + length + 1 : NULL;
    net->family = strchr(host, ':') != NULL ? AF_INET6 : AF_INET;
    return inet_pton(net->family, host, net->bytes) == 1;
}

/* The bytes lie anywhere, and not as an in6_addr has to. */
static bool
is_mapped_net(const struct match_net *net)
{
    struct in6_addr address;

    memcpy(&address, net->bytes, sizeof(address));
    return IN6_IS_ADDR_V4MAPPED(&address);
}

bool
config_net_parse(struct match_net *net, const char *word, const char *text,
    struct fault *fault)
{
    char host[INET6_ADDRSTRLEN];
    const char *bits;
    uint64_t number;

    if (!parse_net_address(net, text, &bits))
        return config_refuse(fault, "\"%s:%s\" is no network; write an "
            "address, or one and its bits: %s:10.0.0.0/8, "
            "%s:2001:db8::/32", word, text, word, word);
    number = 8 * net_bytes(net);
    if (bits != NULL && (!number_parse(bits, &number) ||
        number > 8 * net_bytes(net)))
        return config_refuse(fault, "\"%s:%s\" has no number of bits from 0 "
            "to %zu after the '/'", word, text, 8 * net_bytes(net));
    net->bits = (uint8_t)number;
    if (net->family == AF_INET6 && is_mapped_net(net))
        return config_refuse(fault, "\"%s:%s\" is a network of IPv4; write "
            "it so, as in %s:10.0.0.0/8", word, text, word);
    if (cut_net(net))
        return true;
    inet_ntop(net->family, net->bytes, host, sizeof(host));
    return config_refuse(fault, "\"%s:%s\" has more to its address than "
        "%u bits; write %s:%s/%u", word, text, net->bits, word, host,
        net->bits);
}

bool
config_net_holds(
    const struct match_net *net, sa_family_t family, const void *address)
{
    const uint8_t *bytes = address;
    unsigned whole = net->bits / 8, rest = net->bits % 8;

    return net->family == family && memcmp(net->bytes, bytes, whole) == 0 &&
        (rest == 0 || (net->bytes[whole] ^ bytes[whole]) >> (8 - rest) == 0);
}
