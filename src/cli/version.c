#include <ares.h>
#include <event2/event.h>
#include <jansson.h>
#include <openssl/crypto.h>

#include <stdio.h>

#include "base/version.h"
#include "cli/command.h"

/* sallyport version: what it is, and with what it was built and runs. */
int
command_version(int count, char *const *arguments)
{
    (void)arguments;
    if (count != 1) {
        fputs("usage: sallyport version\n", stderr);
        return EXIT_USAGE;
    }
    printf("sallyport %s\n", SALLYPORT_VERSION);
    printf("%s (built with %s)\n", OpenSSL_version(OPENSSL_VERSION),
        OPENSSL_VERSION_STR);
    printf("libevent %s, %s (built with %s)\n", event_get_version(),
        "epoll", LIBEVENT_VERSION);
    printf("c-ares %s (built with %s)\n", ares_version(NULL), ARES_VERSION_STR);
    printf("jansson %s (built with %s)\n", jansson_version_str(),
        JANSSON_VERSION);
    puts("features: tls1.2 tls1.3 splice unix-sockets ipv6 log-file log-syslog "
         "log-journal log-json "
         "sandbox");
    return EXIT_DONE;
}
