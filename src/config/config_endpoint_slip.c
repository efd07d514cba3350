#include "config/config_endpoint_slip.h"

#include <arpa/inet.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config/config_fault.h"

enum { TEXT_MAX = 300 };

/* What stands for a scheme in other programs, or is one of theirs; `port` is
 * what they take if there is none. */
static const struct {
    const char *word;
    const char *ours;
    const char *port;
} schemes[] = {
    { "https://", "tls://", "443" },
    { "ssl://", "tls://", NULL },
    { "wss://", "tls://", "443" },
    { "http://", "", "80" },
    { "ws://", "", "80" },
    { "tcp4://", "tcp://", NULL },
    { "tcp6://", "tcp://", NULL },
    { "ssl:", "tls://", NULL },
    { "tls:", "tls://", NULL },
    { "tcp:", "tcp://", NULL },
    { "ipv4@", "", NULL },
    { "ipv6@", "", NULL },
    { "tls://", "tls://", NULL },
    { "tcp://", "tcp://", NULL },
};

/* Of unix sockets, in front of the path. */
static const char *const unix_words[] = {
    "unix://", "unix@", "unix-connect:", "unix-listen:", "local:", "",
};

/* Options that others write behind an endpoint, and that say "with TLS". */
static const char *const tls_words[] = { "ssl", "tls", "https" };

/* Of a host with its port, as it may be written. */
static const char host_bytes[] = "abcdefghijklmnopqrstuvwxyz"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_[]:%*";

static bool
is_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return digits > 0 && digits <= 5 && text[digits] == '\0';
}

static bool
is_ipv6(const char *text)
{
    struct in6_addr address;

    return inet_pton(AF_INET6, text, &address) == 1;
}

static bool
slip_of_port(const char *text, bool listens, struct fault *fault)
{
    const char *port = *text == ':' ? text + 1 : text;

    if (!is_port(port))
        return false;
    if (listens)
        config_fault_set(fault, "\"%s\" is a port alone; write 127.0.0.1:%s to "
            "listen for this machine, or *:%s for all", text, port, port);
    else
        config_fault_set(fault, "\"%s\": there is no host to connect to; write "
            "127.0.0.1:%s for this machine", text, port);
    return true;
}

static bool
slip_of_path(const char *text, struct fault *fault)
{
    size_t i;

    for (i = 0; i < COUNT(unix_words); i++) {
        size_t length = strlen(unix_words[i]);
        const char *path = text + length;

        if (strncasecmp(text, unix_words[i], length) == 0 &&
            (*path == '/' || *path == '@') && path[1] != '\0') {
            config_fault_set(fault, "\"%s\" is the path of a unix socket; "
                "write unix:%s", text, path);
            return true;
        }
    }
    if (strncmp(text, "abns@", 5) != 0 || text[5] == '\0')
        return false;
    config_fault_set(fault, "\"%s\" names an abstract unix socket; write "
        "unix:@%s", text, text + 5);
    return true;
}

/* An IPv6 address without brackets, with a port behind it or not. */
static bool
slip_of_ipv6(const char *text, struct fault *fault)
{
    const char *colon = strrchr(text, ':');
    char host[INET6_ADDRSTRLEN];

    if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
        return false;
    snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
    if (is_ipv6(host) && is_port(colon + 1))
        config_fault_set(fault, "\"%s\" needs brackets around the address; "
            "write [%s]:%s", text, host, colon + 1);
    else if (is_ipv6(text))
        config_fault_set(fault, "\"%s\" has no port; write [%s]:PORT", text,
            text);
    else
        return false;
    return true;
}

/* [*]:443 and [127.0.0.1]:443, as hitch has them. */
static bool
slip_of_brackets(const char *text, struct fault *fault)
{
    const char *end = strchr(text, ']');

    if (*text != '[' || end == NULL || end == text + 1 ||
        memchr(text, ':', (size_t)(end - text)) != NULL ||
        end[1] != ':' || !is_port(end + 2))
        return false;
    config_fault_set(fault, "\"%s\": brackets are for IPv6 addresses only; "
        "write %.*s%s", text, (int)(end - text - 1), text + 1, end + 1);
    return true;
}

/* The end of HOST[:PORT] in a URL: the rest is for a protocol that is not
 * spoken here.  0: it is neither. */
static size_t
host_length(const char *text)
{
    size_t length = strcspn(text, "/?#");

    if (length == 0 || strspn(text, host_bytes) < length ||
        text[length - 1] == ':')
        return 0;
    return length;
}

static bool
names_port(const char *host, size_t length)
{
    const char *end = *host == '[' ? memchr(host, ']', length) : host;

    return end != NULL &&
        memchr(end, ':', length - (size_t)(end - host)) != NULL;
}

/* `host`, of `length` bytes, stands behind what others have for `ours`. */
static void
explain_scheme(const char *text, const char *ours, const char *host,
    size_t length, const char *port, bool listens,
    struct fault *fault)
{
    if (is_port(host))
        config_fault_set(fault, "\"%s\" is not a kind of endpoint; write "
            "%s%s:%s", text, ours,
            listens ? "*" : "127.0.0.1", host);
    else if (names_port(host, length))
        config_fault_set(fault, "\"%s\" is not a kind of endpoint; write "
            "%s%.*s", text, ours, (int)length, host);
    else
        config_fault_set(fault, "\"%s\" has no port; write %s%.*s:%s", text,
            ours, (int)length, host, port != NULL ? port : "PORT");
}

/* With a scheme of ours and a port: what is wrong lies elsewhere. */
static bool
is_written_well(
    const char *text, const char *ours, const char *host, size_t length)
{
    return host[length] == '\0' && names_port(host, length) && *ours != '\0' &&
        strncmp(text, ours, strlen(ours)) == 0;
}

/* TLS on a unix socket is asked for by a scheme of its own. */
static bool
slip_of_tls_path(const char *text, struct fault *fault)
{
    static const char *const words[] = {
        "tls://unix:", "ssl://unix:", "tls:unix:", "ssl:unix:", "tls://",
        "ssl://", "tls:", "ssl:",
    };

    for (size_t i = 0; i < COUNT(words); i++) {
        const char *path = text + strlen(words[i]);

        if (strncasecmp(text, words[i], strlen(words[i])) != 0 ||
            (*path != '/' && *path != '@') || path[1] == '\0' ||
            path[1] == '/')
            continue;
        config_fault_set(fault, "\"%s\" is TLS on a unix socket; write "
            "tls+unix:%s", text, path);
        return true;
    }
    return false;
}

static bool
slip_of_scheme(const char *text, bool listens, struct fault *fault)
{
    size_t i, length;

    for (i = 0; i < COUNT(schemes); i++) {
        const char *host = text + strlen(schemes[i].word);

        if (strncasecmp(text, schemes[i].word, (size_t)(host - text)) != 0 ||
            *host == '\0' || (length = host_length(host)) == 0 ||
            is_written_well(text, schemes[i].ours, host, length))
            continue;
        explain_scheme(text, schemes[i].ours, host, length, schemes[i].port,
            listens, fault);
        return true;
    }
    return false;
}

static bool
is_word_of_tls(const char *text, size_t length)
{
    size_t i;

    for (i = 0; i < COUNT(tls_words); i++)
        if (strlen(tls_words[i]) == length &&
            strncasecmp(text, tls_words[i], length) == 0)
            return true;
    return false;
}

static bool
asks_for_tls(const char *words)
{
    size_t length;

    for (; *words != '\0'; words += length) {
        words += strspn(words, " ,");
        length = strcspn(words, " ,");
        if (is_word_of_tls(words, length))
            return true;
    }
    return false;
}

/* Several endpoints on a line, or one with options behind it. */
static bool
slip_of_words(const char *text, bool listens, struct fault *fault)
{
    size_t length = strcspn(text, " ,");
    const char *rest = text + length + strspn(text + length, " ,");
    size_t next = strcspn(rest, " ,");
    bool tls = asks_for_tls(rest) && strncmp(text, "tls://", 6) != 0;

    if (text[length] == '\0' || length == 0 || text[length - 1] == ':' ||
        strpbrk(text, ":/") > text + length)
        return false;
    if (is_port(rest) && text[length] == ' ' && !names_port(text, length))
        config_fault_set(fault, "\"%s\" has a blank before its port; write "
            "%.*s:%s", text, (int)length, text, rest);
    else if (memchr(rest, ':', next) != NULL || strchr(text, ',') != NULL)
        config_fault_set(fault, "\"%s\" has more than one endpoint; write each "
            "on a line of its own, beginning with \"%s = \" again", text,
            listens ? "listen" : "connect");
    else
        config_fault_set(fault, "\"%s\" has more than an endpoint; write "
            "%s%.*s, for options have lines of their own", text,
            tls ? "tls://" : "", (int)length, text);
    return true;
}

static bool
slip_of_host(const char *text, struct fault *fault)
{
    if (*text == '\0' || text[strcspn(text, "[]:%*")] != '\0' ||
        text[strspn(text, host_bytes)] != '\0')
        return false;
    config_fault_set(fault, "\"%s\" has no port; write %s:PORT", text, text);
    return true;
}

/* In which blanks and commas may belong to a path or a name. */
static bool
names_path(const char *text)
{
    return strncmp(text, "unix:", 5) == 0 ||
        strncmp(text, "systemd:", 8) == 0 || strncmp(text, "tls+", 4) == 0;
}

bool
config_endpoint_slip(
    const char *text, bool listens, struct fault *fault)
{
    if (strlen(text) > TEXT_MAX)
        return false;
    if (names_path(text))
        return slip_of_path(text, fault);
    return slip_of_words(text, listens, fault) ||
        slip_of_port(text, listens, fault) || slip_of_path(text, fault) ||
        slip_of_tls_path(text, fault) || slip_of_ipv6(text, fault) ||
        slip_of_brackets(text, fault) ||
        slip_of_scheme(text, listens, fault) || slip_of_host(text, fault);
}
