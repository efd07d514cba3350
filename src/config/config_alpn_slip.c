#include "config/config_alpn_slip.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/base.h"
#include "config/config_suggest.h"

/* Shorter ones are near to each other. */
enum { NEAR_FROM = 6 };

static const char *const registered[] = {
    "http/0.9", "http/1.0", "http/1.1", "spdy/1", "spdy/2", "spdy/3",
    "stun.turn", "stun.nat-discovery", "h2", "h2c", "webrtc", "c-webrtc", "ftp",
    "imap", "pop3", "managesieve", "coap", "co", "xmpp-client", "xmpp-server",
    "acme-tls/1", "mqtt", "dot", "ntske/1", "sunrpc", "h3", "smb", "irc", "nntp",
    "nnsp", "doq", "sip/2", "tds/8.0", "dicom", "postgresql", "radius/1.0",
    "radius/1.1",
};

static const struct {
    const char *written;
    const char *meant;
} slips[] = {
    { "http", "http/1.1" }, { "https", "http/1.1" }, { "h1", "http/1.1" },
    { "http1", "http/1.1" }, { "http/1", "http/1.1" },
    { "http1.1", "http/1.1" }, { "http-1.1", "http/1.1" },
    { "http11", "http/1.1" }, { "http/11", "http/1.1" },
    { "http1.0", "http/1.0" }, { "http10", "http/1.0" },
    { "http2", "h2" }, { "http/2", "h2" }, { "http/2.0", "h2" },
    { "http2.0", "h2" }, { "h/2", "h2" }, { "grpc", "h2" },
    { "http3", "h3" }, { "http/3", "h3" },
    { "imaps", "imap" }, { "pop3s", "pop3" }, { "ftps", "ftp" },
    { "postgres", "postgresql" }, { "pgsql", "postgresql" },
    { "acme-tls", "acme-tls/1" }, { "tls-alpn-01", "acme-tls/1" },
    { "mqtts", "mqtt" }, { "xmpp", "xmpp-client" }, { "sip", "sip/2" },
};

static bool
is_registered(const char *name)
{
    for (size_t i = 0; i < COUNT(registered); i++)
        if (strcmp(registered[i], name) == 0)
            return true;
    return false;
}

/* In another case, or one letter away. */
static const char *
nearest_registered(const char *name)
{
    for (size_t i = 0; i < COUNT(registered); i++)
        if (strcasecmp(registered[i], name) == 0)
            return registered[i];
    for (size_t i = 0; i < COUNT(registered); i++)
        if (strlen(name) >= NEAR_FROM &&
            config_suggest_distance(registered[i], name) == 1)
            return registered[i];
    return NULL;
}

const char *
config_alpn_slip(const char *name)
{
    if (is_registered(name))
        return NULL;
    for (size_t i = 0; i < COUNT(slips); i++)
        if (strcasecmp(slips[i].written, name) == 0)
            return slips[i].meant;
    return nearest_registered(name);
}
