#include "relay/service_digest.h"

#include <stdlib.h>

#include "config/config.h"
#include "config/config_check.h"
#include "config/config_format.h"
#include "config/config_options.h"
#include "tls/tls_digest.h"

_Static_assert(
    (int)SERVICE_DIGEST_BYTES == (int)TLS_DIGEST_BYTES, "they are the same");

static bool
add_option(struct tls_digest *digest, const struct option *option,
    const struct service_config *service)
{
    size_t count = config_format_count(option, service);

    tls_digest_add_text(digest, option->name);
    for (size_t i = 0; i < count; i++) {
        char *value = config_format(option, service, i);

        if (value == NULL)
            return false;
        tls_digest_add_text(digest, value);
        free(value);
    }
    return true;
}

/* None of [global] is here: what of it concerns a connection is the worker's,
 * and changes without a new service. */
static bool
add_options(struct tls_digest *digest, const struct service_config *service)
{
    for (size_t i = 0; i < config_option_count(); i++) {
        const struct option *option = config_option_at(i);

        if (option->scope == OPTION_SERVICE &&
            config_check_applies(option, service) &&
            !add_option(digest, option, service))
            return false;
    }
    return true;
}

static bool
has_tls(const struct endpoints *endpoints)
{
    for (size_t i = 0; i < endpoints->count; i++)
        if (endpoints->items[i].tls)
            return true;
    return false;
}

bool
service_digest(const struct config *config, size_t index,
    unsigned char out[SERVICE_DIGEST_BYTES])
{
    const struct service_config *service = &config->services[index];
    struct tls_digest *digest = tls_digest_new();
    bool done;

    if (digest == NULL)
        return false;
    tls_digest_add_text(digest, service->name);
    done = add_options(digest, service);
    if (has_tls(&service->listen))
        tls_digest_add_files(digest, &service->listen_leg);
    if (has_tls(&service->connect))
        tls_digest_add_files(digest, &service->connect_leg);
    return tls_digest_end(digest, out) && done;
}
