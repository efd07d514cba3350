#include "config/config_endpoint.h"

#include <sys/un.h>

#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "config/config_endpoint_slip.h"
#include "config/config_fault.h"
#include "config/config_fields.h"
#include "config/config_host.h"
#include "config/config_place.h"
#include "files/files.h"

/* A path takes a NUL at its end, an abstract name one at its beginning. */
#define UNIX_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

#define SERVICE_NAME_MAX 63

/* FileDescriptorName= of systemd.socket(5). */
#define SYSTEMD_NAME_MAX 255

static const char *const url_schemes[] = { "tcp", "tls" };

/* Words that stand for something in endpoints elsewhere, here or in a later
 * version: "tls:443" is a slip, not a host called tls. */
static const char *const reserved[] = {
    "tcp", "tls", "unix", "tls+unix", "tcp+unix", "systemd", "tls+systemd",
    "upstream", "tls+upstream", "ssl", "http", "https", "abstract",
};

static const char *const forms[] = {
    [ENDPOINT_LISTEN] = "write HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT, "
        "unix:PATH, tls+unix:PATH, systemd:NAME or tls+systemd:NAME",
    [ENDPOINT_CONNECT] = "write HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT, "
        "unix:PATH or tls+unix:PATH",
};

static bool
is_one_of(const char *const *words, size_t count, const char *text,
    size_t length)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(words[i]) == length
            && strncmp(words[i], text, length) == 0)
            return true;
    }
    return false;
}

static const char *
after_prefix(const char *text, const char *prefix)
{
    size_t length = strlen(prefix);

    return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

static bool
parse_path(struct files *files, struct endpoint *endpoint, const char *path,
    struct fault *fault)
{
    size_t length = strlen(path);

    if (length == 0 || strcmp(path, "@") == 0)
        return config_refuse(fault, "\"%s\" has no path", endpoint->text);
    if (strncmp(path, "//", 2) == 0)
        return config_refuse(fault, "\"%s\" has too many slashes; write "
            "unix:/PATH", endpoint->text);
    if (path[0] != '/' && path[0] != '@')
        return config_refuse(fault, "the path \"%s\" is not absolute; begin "
            "it with a '/', or with an '@' for an abstract name", path);
    if (path[0] == '/' && path[length - 1] == '/')
        return config_refuse(fault, "\"%s\" is a directory, not a socket",
            path);
    if (length > UNIX_PATH_MAX)
        return config_refuse(fault, "the path is %zu bytes long; a unix "
            "socket's has at most %zu", length, UNIX_PATH_MAX);
    endpoint->kind = ENDPOINT_UNIX;
    endpoint->path = strdup(path);
    endpoint->place = path[0] == '/' ? config_place_of_path(files, path)
                                     : strdup(path);
    return (endpoint->path != NULL && endpoint->place != NULL) ||
        config_no_memory(fault);
}

/* The rules for names are the service manager's. */
static bool
parse_systemd_name(struct endpoint *endpoint, const char *name,
    enum endpoint_use use, struct fault *fault)
{
    size_t length = strlen(name);

    if (use == ENDPOINT_CONNECT)
        return config_refuse(fault, "\"%s\": systemd passes sockets to "
            "listen on, none to connect to; %s", endpoint->text, forms[use]);
    if (length == 0)
        return config_refuse(fault, "\"%s\" has no name; write the "
            "FileDescriptorName= of the .socket unit", endpoint->text);
    if (strncmp(name, "//", 2) == 0)
        return config_refuse(fault, "\"%s\" has too many slashes; write "
            "systemd:NAME", endpoint->text);
    if (length > SYSTEMD_NAME_MAX)
        return config_refuse(fault, "the name is %zu bytes long; that of a "
            "descriptor has at most %d", length, SYSTEMD_NAME_MAX);
    for (size_t i = 0; i < length; i++)
        if (name[i] <= ' ' || name[i] > '~' || name[i] == ':')
            return config_refuse(fault, "\"%s\" is no name of a descriptor; "
                "it has printable ASCII without ':' and spaces", name);
    endpoint->kind = ENDPOINT_SYSTEMD;
    endpoint->path = strdup(name);
    return endpoint->path != NULL || config_no_memory(fault);
}

static bool
parse_port_number(uint16_t *port, const char *text)
{
    uint64_t number;

    if (!number_parse(text, &number) || number < 1 || number > UINT16_MAX)
        return false;
    *port = (uint16_t)number;
    return true;
}

static bool
parse_port(struct files *files, struct endpoint *endpoint, const char *text,
    struct fault *fault)
{
    char *number;
    bool ok;

    if (*text == '\0')
        return config_refuse(fault, "\"%s\" has no port after the ':'",
            endpoint->text);
    if (text[strspn(text, "0123456789")] == '\0')
        return parse_port_number(&endpoint->port, text) ||
            config_refuse(fault, "the port \"%s\" is not from 1 to 65535",
                text);
    number = strlen(text) <= SERVICE_NAME_MAX ? files_port(files, text) : NULL;
    ok = number != NULL && parse_port_number(&endpoint->port, number);
    free(number);
    return ok || config_refuse(fault, "the port \"%s\" is neither a number "
        "nor a name in /etc/services", text);
}

/* Finds where the host ends: at the ':' before the port. */
static bool
split_host(const char *text, enum endpoint_use use, const char **host,
    size_t *length, const char **port, struct fault *fault)
{
    const char *colon = strrchr(text, ':');

    *host = text;
    if (*text == '[') {
        const char *end = strchr(text, ']');

        if (end == NULL)
            return config_refuse(fault, "\"%s\" has no ']'; write an IPv6 "
                "address as in [2001:db8::1]:443", text);
        if (end[1] != ':')
            return config_refuse(fault, "\"%s\" has no port; write :PORT "
                "right after the ']'", text);
        *host = text + 1;
        *length = (size_t)(end - *host);
        *port = end + 2;
        return true;
    }
    if (colon == NULL)
        return config_refuse(fault, "\"%s\" has no port; %s", text,
            forms[use]);
    *length = (size_t)(colon - text);
    *port = colon + 1;
    if (memchr(text, ':', *length) != NULL)
        return config_refuse(fault, "\"%s\" has more than one ':'; write an "
            "IPv6 address in brackets, as in [2001:db8::1]:443", text);
    return true;
}

static bool
parse_any(const char *text, size_t length, enum endpoint_use use, bool *any,
    struct fault *fault)
{
    *any = length == 0 || (length == 1 && *text == '*');
    if (*any && use == ENDPOINT_CONNECT)
        return config_refuse(fault, "there is no host to connect to; write "
            "HOST:PORT (127.0.0.1 for this machine)");
    return true;
}

static bool
parse_host(struct endpoint *endpoint, const char *text, size_t length,
    bool bracketed, enum endpoint_use use, struct fault *fault)
{
    static const char mapped[] = "::ffff:"; /* RFC 4291 2.5.5.2 */
    char name[HOST_SIZE];
    struct host host;

    if (length >= sizeof(name))
        return config_refuse(fault, "the host is %zu bytes long; a name has "
            "at most %d", length, HOST_NAME_MAX_LENGTH);
    memcpy(name, text, length);
    name[length] = '\0';
    if (bracketed && strchr(name, ':') == NULL)
        return config_refuse(fault, "\"%s\" is not an IPv6 address; brackets "
            "are for these only", name);
    if (!config_host_parse(&host, name, fault))
        return false;
    if (use == ENDPOINT_LISTEN && after_prefix(host.text, mapped) != NULL)
        return config_refuse(fault, "\"%s\" is an IPv4 address, which is "
            "listened on as such; write %s:%u", name,
            host.text + strlen(mapped), endpoint->port);
    endpoint->host = strdup(host.text);
    return endpoint->host != NULL || config_no_memory(fault);
}

static bool
parse_inet(struct files *files, struct endpoint *endpoint, const char *text,
    enum endpoint_use use, struct fault *fault)
{
    const char *host, *port;
    size_t length;
    bool any, bracketed = *text == '[';

    endpoint->kind = ENDPOINT_INET;
    if (!split_host(text, use, &host, &length, &port, fault))
        return false;
    if (!bracketed && is_one_of(reserved, COUNT(reserved), host, length))
        return config_refuse(fault, "\"%.*s:\" is not a kind of endpoint "
            "here; %s", (int)length, host, forms[use]);
    if (!parse_port(files, endpoint, port, fault))
        return false;
    if (bracketed)
        return parse_host(endpoint, host, length, true, use, fault);
    if (!parse_any(host, length, use, &any, fault))
        return false;
    return any || parse_host(endpoint, host, length, false, use, fault);
}

static bool
parse_endpoint(struct files *files, struct endpoint *endpoint, const char *text,
    enum endpoint_use use, struct fault *fault)
{
    const char *rest, *scheme_end = strstr(text, "://");

    if ((rest = after_prefix(text, "unix:")) != NULL)
        return parse_path(files, endpoint, rest, fault);
    if ((rest = after_prefix(text, "tls+unix:")) != NULL) {
        endpoint->tls = true;
        return parse_path(files, endpoint, rest, fault);
    }
    if ((rest = after_prefix(text, "systemd:")) != NULL)
        return parse_systemd_name(endpoint, rest, use, fault);
    if ((rest = after_prefix(text, "tls+systemd:")) != NULL) {
        endpoint->tls = true;
        return parse_systemd_name(endpoint, rest, use, fault);
    }
    if (scheme_end == NULL)
        return parse_inet(files, endpoint, text, use, fault);
    if (!is_one_of(url_schemes, COUNT(url_schemes), text,
        (size_t)(scheme_end - text)))
        return config_refuse(fault, "\"%.*s\" is not a kind of endpoint; %s",
            (int)(scheme_end - text) + 3, text, forms[use]);
    endpoint->tls = after_prefix(text, "tls") != NULL;
    return parse_inet(files, endpoint, scheme_end + 3, use, fault);
}

bool
config_endpoint_parse(struct files *files, struct endpoint *endpoint,
    const char *text, enum endpoint_use use, struct fault *fault)
{
    *endpoint = (struct endpoint){ .text = strdup(text) };
    if (endpoint->text == NULL)
        return config_no_memory(fault);
    if (parse_endpoint(files, endpoint, text, use, fault))
        return true;
    config_endpoint_clear(endpoint);
    /* What other programs write has an answer of its own. */
    (void)!config_endpoint_slip(text, use == ENDPOINT_LISTEN, fault);
    return false;
}

void
config_endpoint_clear(struct endpoint *endpoint)
{
    free(endpoint->host);
    free(endpoint->path);
    free(endpoint->place);
    free(endpoint->text);
    *endpoint = (struct endpoint){ 0 };
}

bool
config_endpoint_add(struct files *files, struct endpoints *list,
    const char *text, enum endpoint_use use, struct fault *fault)
{
    struct endpoint endpoint, *grown;

    if (!config_endpoint_parse(files, &endpoint, text, use, fault))
        return false;
    grown = reallocarray(list->items, list->count + 1, sizeof(*grown));
    if (grown == NULL) {
        config_endpoint_clear(&endpoint);
        return config_no_memory(fault);
    }
    list->items = grown;
    list->items[list->count++] = endpoint;
    return true;
}

void
config_endpoint_clear_all(struct endpoints *list)
{
    for (size_t i = 0; i < list->count; i++)
        config_endpoint_clear(&list->items[i]);
    free(list->items);
    *list = (struct endpoints){ 0 };
}

static const char *
path_place(const struct endpoint *endpoint)
{
    return endpoint->place != NULL ? endpoint->place : endpoint->path;
}

int
config_endpoint_compare(const struct endpoint *a, const struct endpoint *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->kind != ENDPOINT_INET)
        return strcmp(path_place(a), path_place(b));
    if (a->port != b->port)
        return a->port < b->port ? -1 : 1;
    if (a->host == NULL || b->host == NULL)
        return (a->host != NULL) - (b->host != NULL);
    return strcmp(a->host, b->host);
}

bool
config_endpoint_same(const struct endpoint *a, const struct endpoint *b)
{
    return config_endpoint_compare(a, b) == 0;
}
