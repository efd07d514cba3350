/* hosts(5) and resolv.conf(5): what is found stands in the text, and what is
 * taken is within its bounds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/hosts_file.h"
#include "net/resolv_conf.h"

enum { ROOM = 4 };

static void
check_hosts(const char *text, size_t length)
{
    struct address addresses[ROOM];
    size_t count = hosts_file_find(text, length, "host", addresses, ROOM);

    if (count > ROOM)
        abort();
    for (size_t i = 0; i < count; i++)
        if (addresses[i].storage.ss_family != AF_INET &&
            addresses[i].storage.ss_family != AF_INET6)
            abort();
}

static void
check_resolv_conf(const char *text, size_t length)
{
    char name[RESOLV_NAME_SIZE];
    struct resolv_conf conf;
    size_t count = 0;

    resolv_conf_parse(&conf, text, length, "host.example");
    if (conf.server_count == 0 || conf.server_count > RESOLV_SERVERS_MAX ||
        conf.domain_count > RESOLV_DOMAINS_MAX)
        abort();
    while (resolv_conf_candidate(&conf, "host", count, name)) {
        if (strncmp(name, "host", 4) != 0 || ++count > RESOLV_DOMAINS_MAX + 1)
            abort();
    }
    if (count == 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_hosts((const char *)data, size);
    check_resolv_conf((const char *)data, size);
    return 0;
}
