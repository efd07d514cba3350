#include "base/address.h"

#include <sys/un.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/number.h"

#define PATH_OFFSET offsetof(struct sockaddr_un, sun_path)

/* The scope stays a number: its name would take system calls that a sandboxed
 * process may not have. */
static void
format_ipv6(const struct sockaddr_in6 *in6, char *text)
{
    char host[INET6_ADDRSTRLEN], scope[16] = "";

    inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
    if (in6->sin6_scope_id != 0)
        snprintf(scope, sizeof(scope), "%%%u", in6->sin6_scope_id);
    snprintf(text, ADDRESS_TEXT_SIZE, "[%s%s]:%u", host, scope,
        ntohs(in6->sin6_port));
}

static void
format_ipv4(const struct sockaddr_in *in, char *text)
{
    char host[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
    snprintf(text, ADDRESS_TEXT_SIZE, "%s:%u", host, ntohs(in->sin_port));
}

static void
format_unix(const char *path, size_t length, char *text)
{
    const char *scheme = "unix:";

    if (length > 0 && path[0] == '\0') {
        scheme = "unix:@";
        path++;
        length--;
    } else {
        length = strnlen(path, length);
        if (length > 0 && path[0] == '@')
            scheme = "unix:./"; /* a file's name, not an abstract one */
    }
    strcpy(text, scheme);
    escape_bytes(text + strlen(scheme), ADDRESS_TEXT_SIZE - strlen(scheme),
        path, length, ESCAPE_VALUE);
}

const char *
address_format(const struct sockaddr *address, socklen_t length,
    char text[ADDRESS_TEXT_SIZE])
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    } copy = { 0 };

    /* A copy, because what is passed may be short or not aligned. */
    if (length > sizeof(copy.un))
        length = sizeof(copy.un);
    if (length > 0)
        memcpy(&copy, address, length);

    if (copy.any.sa_family == AF_INET)
        format_ipv4(&copy.in, text);
    else if (copy.any.sa_family == AF_INET6)
        format_ipv6(&copy.in6, text);
    else if (copy.any.sa_family == AF_UNIX)
        format_unix(copy.un.sun_path,
            length > PATH_OFFSET ? length - PATH_OFFSET : 0, text);
    else
        snprintf(text, ADDRESS_TEXT_SIZE, "family:%u",
            copy.any.sa_family);
    return text;
}

bool
address_from_path(struct address *address, const char *path)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    bool abstract = path[0] == '@';
    size_t length = strlen(path);

    /* A path keeps its NUL; an abstract name has it in front. */
    if (length <= abstract || length + !abstract > sizeof(un.sun_path))
        return false;
    memcpy(un.sun_path, path, length);
    if (abstract)
        un.sun_path[0] = '\0';
    *address = (struct address){
        .length = (socklen_t)(PATH_OFFSET + length + !abstract)
    };
    memcpy(&address->storage, &un, sizeof(un));
    return true;
}

static bool
parse_scope(const char *scope, uint32_t *id)
{
    uint64_t number;

    if (!number_parse(scope, &number))
        number = if_nametoindex(scope);
    *id = (uint32_t)number;
    return number > 0 && number <= UINT32_MAX;
}

static bool
parse_scoped_ipv6(const char *host, struct sockaddr_in6 *in6)
{
    char bare[INET6_ADDRSTRLEN];
    const char *percent = strchrnul(host, '%');
    size_t length = (size_t)(percent - host);

    if (length >= sizeof(bare))
        return false;
    memcpy(bare, host, length);
    bare[length] = '\0';
    if (inet_pton(AF_INET6, bare, &in6->sin6_addr) != 1)
        return false;
    return *percent == '\0' || parse_scope(percent + 1, &in6->sin6_scope_id);
}

bool
address_from_numeric(struct address *address, const char *host, unsigned port)
{
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

    if (port > UINT16_MAX)
        return false;
    in.sin_port = in6.sin6_port = htons((uint16_t)port);
    *address = (struct address){ 0 };
    if (inet_pton(AF_INET, host, &in.sin_addr) == 1) {
        address->length = sizeof(in);
        memcpy(&address->storage, &in, sizeof(in));
        return true;
    }
    if (parse_scoped_ipv6(host, &in6)) {
        address->length = sizeof(in6);
        memcpy(&address->storage, &in6, sizeof(in6));
        return true;
    }
    return false;
}

void
address_set_port(struct address *address, unsigned port)
{
    struct sockaddr_storage *storage = &address->storage;

    if (storage->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)storage)->sin6_port = htons((uint16_t)port);
    else if (storage->ss_family == AF_INET)
        ((struct sockaddr_in *)storage)->sin_port = htons((uint16_t)port);
}

unsigned
address_port(const struct address *address)
{
    const struct sockaddr_storage *storage = &address->storage;

    switch (storage->ss_family) {
    case AF_INET:
        return ntohs(((const struct sockaddr_in *)storage)->sin_port);
    case AF_INET6:
        return ntohs(((const struct sockaddr_in6 *)storage)->sin6_port);
    default:
        return 0;
    }
}

static const struct sockaddr_in *
in_of(const struct address *address)
{
    return (const struct sockaddr_in *)&address->storage;
}

static const struct sockaddr_in6 *
in6_of(const struct address *address)
{
    return (const struct sockaddr_in6 *)&address->storage;
}

static bool
is_same_in6(const struct sockaddr_in6 *a, const struct sockaddr_in6 *b)
{
    return a->sin6_port == b->sin6_port &&
        a->sin6_scope_id == b->sin6_scope_id &&
        IN6_ARE_ADDR_EQUAL(&a->sin6_addr, &b->sin6_addr);
}

bool
address_same(const struct address *a, const struct address *b)
{
    if (a->storage.ss_family != b->storage.ss_family)
        return false;
    if (a->storage.ss_family == AF_INET6)
        return is_same_in6(in6_of(a), in6_of(b));
    if (a->storage.ss_family == AF_INET)
        return in_of(a)->sin_port == in_of(b)->sin_port &&
            in_of(a)->sin_addr.s_addr == in_of(b)->sin_addr.s_addr;
    return a->length == b->length &&
        memcmp(&a->storage, &b->storage, a->length) == 0;
}

void
address_unmap(struct address *address)
{
    struct sockaddr_in in = { .sin_family = AF_INET };

    if (address->storage.ss_family != AF_INET6 ||
        !IN6_IS_ADDR_V4MAPPED(&in6_of(address)->sin6_addr))
        return;
    in.sin_port = in6_of(address)->sin6_port;
    memcpy(&in.sin_addr, &in6_of(address)->sin6_addr.s6_addr[12],
        sizeof(in.sin_addr));
    *address = (struct address){ .length = sizeof(in) };
    memcpy(&address->storage, &in, sizeof(in));
}

bool
address_is_any(const struct address *address)
{
    if (address->storage.ss_family == AF_INET6)
        return IN6_IS_ADDR_UNSPECIFIED(&in6_of(address)->sin6_addr);
    return address->storage.ss_family == AF_INET &&
        in_of(address)->sin_addr.s_addr == htonl(INADDR_ANY);
}

bool
address_is_loopback(const struct address *address)
{
    struct address host = *address;

    address_unmap(&host);
    if (host.storage.ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&in6_of(&host)->sin6_addr) ||
            address_is_any(&host);
    return host.storage.ss_family == AF_INET &&
        (ntohl(in_of(&host)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET ||
            address_is_any(&host));
}
