#include "admin/version_text.h"

#include <ares.h>
#include <event2/event.h>
#include <jansson.h>
#include <openssl/crypto.h>

#include <stdio.h>

#include "base/version.h"

const char *
version_text(char text[VERSION_TEXT_SIZE])
{
    snprintf(text, VERSION_TEXT_SIZE,
        "sallyport %s\n"
        "%s (built with %s)\n"
        "libevent %s, epoll (built with %s)\n"
        "c-ares %s (built with %s)\n"
        "jansson %s (built with %s)\n"
        "features: tls1.2 tls1.3 splice unix-sockets ipv6 log-file log-syslog "
        "log-journal log-json sandbox\n",
        SALLYPORT_VERSION, OpenSSL_version(OPENSSL_VERSION),
        OPENSSL_VERSION_STR, event_get_version(), LIBEVENT_VERSION,
        ares_version(NULL), ARES_VERSION_STR, jansson_version_str(),
        JANSSON_VERSION);
    return text;
}
