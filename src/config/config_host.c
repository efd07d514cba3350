#include "config/config_host.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "config/config_fault.h"

#define LABEL_MAX 63
#define ZONE_MAX 15     /* IFNAMSIZ - 1; netdevice(7) */

static const char digits[] = "0123456789";
static const char letters_digits[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
static const char zone_bytes[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

static bool
parse_ipv6_host(struct host *host, const char *text, struct fault *fault)
{
    const char *zone = strchrnul(text, '%');
    char number[INET6_ADDRSTRLEN];
    struct in6_addr address;
    size_t length = (size_t)(zone - text);

    if (length >= sizeof(number))
        return config_refuse(fault, "\"%s\" is not an IPv6 address", text);
    memcpy(number, text, length);
    number[length] = '\0';
    if (inet_pton(AF_INET6, number, &address) != 1)
        return config_refuse(fault, "\"%s\" is not an IPv6 address", text);
    if (*zone == '%' && (zone[1] == '\0' || strlen(zone + 1) > ZONE_MAX
        || zone[1 + strspn(zone + 1, zone_bytes)] != '\0'))
        return config_refuse(fault, "\"%s\" has no interface name after the "
            "%%; write for example fe80::1%%eth0", text);
    host->kind = HOST_IPV6;
    inet_ntop(AF_INET6, &address, number, sizeof(number));
    snprintf(host->text, sizeof(host->text), "%s%s", number, zone);
    return true;
}

/* One label of a name: letters, digits and '-', which is not at an end.  '_'
 * is no host's letter, but containers and services use it all the same. */
static bool
label_is_good(const char *label, size_t length)
{
    if (length == 0 || length > LABEL_MAX)
        return false;
    if (label[0] == '-' || label[length - 1] == '-')
        return false;
    for (size_t i = 0; i < length; i++) {
        if (strchr(letters_digits, label[i]) == NULL && label[i] != '-'
            && label[i] != '_')
            return false;
    }
    return true;
}

/* False: some label is bad; an empty one at the end is, too. */
static bool
labels_are_good(const char *name)
{
    for (;;) {
        size_t length = strcspn(name, ".");

        if (!label_is_good(name, length))
            return false;
        if (name[length] == '\0')
            return true;
        name += length + 1;
    }
}

/* No top-level domain is a number, so a name that ends in one is an address
 * with a mistake; inet_aton(3) and the resolver would make another address of
 * "127.1" or "010.0.0.1". */
static bool
ends_in_number(const char *name)
{
    const char *dot = strrchr(name, '.');
    const char *last = dot != NULL ? dot + 1 : name;

    return *last != '\0' && last[strspn(last, digits)] == '\0';
}

static bool
parse_dns_name(struct host *host, const char *text, struct fault *fault)
{
    size_t length = strlen(text);

    if (ends_in_number(text))
        return config_refuse(fault, "\"%s\" is not an IPv4 address; write "
            "four numbers from 0 to 255, as in 192.0.2.1", text);
    if (length > HOST_NAME_MAX_LENGTH)
        return config_refuse(fault, "the host name is %zu bytes long; a name "
            "has at most %d", length, HOST_NAME_MAX_LENGTH);
    if (text[length - 1] == '.')
        return config_refuse(fault, "\"%s\" ends in a dot; leave it out",
            text);
    if (!labels_are_good(text))
        return config_refuse(fault, "\"%s\" is not a host name; a name is of "
            "letters, digits and '-', in parts of 1 to %d between dots "
            "(others in their xn-- form)", text, LABEL_MAX);
    host->kind = HOST_NAME;
    for (size_t i = 0; i <= length; i++)
        host->text[i] = (char)tolower((unsigned char)text[i]);
    return true;
}

bool
config_host_parse(struct host *host, const char *text, struct fault *fault)
{
    struct in_addr address;

    if (*text == '\0')
        return config_refuse(fault, "the host is missing");
    if (strchr(text, ':') != NULL)
        return parse_ipv6_host(host, text, fault);
    if (inet_pton(AF_INET, text, &address) != 1)
        return parse_dns_name(host, text, fault);
    host->kind = HOST_IPV4;
    inet_ntop(AF_INET, &address, host->text, sizeof(host->text));
    return true;
}
