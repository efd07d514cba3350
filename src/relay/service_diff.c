#include "relay/service_diff.h"

#include <string.h>

#include "config/config.h"
#include "config/config_check.h"
#include "config/config_options.h"
#include "config/config_type.h"
#include "tls/tls_files.h"

/* Out of memory they differ, which costs no more than making it anew. */
static bool
has_same_option(const struct option *option,
    const struct service_config *before, const struct service_config *now)
{
    bool applies = config_check_applies(option, now);

    return applies == config_check_applies(option, before) &&
        (!applies || config_type_same(option, before, now));
}

/* None of [global] is here: what of it concerns a connection is the worker's,
 * and changes without a new service. */
static bool
has_same_options(
    const struct service_config *before, const struct service_config *now)
{
    for (size_t i = 0; i < config_option_count(); i++) {
        const struct option *option = config_option_at(i);

        if (option->scope == OPTION_SERVICE &&
            !has_same_option(option, before, now))
            return false;
    }
    return true;
}

static bool
has_same_files(
    const struct service_config *before, const struct service_config *now)
{
    if (!config_endpoints_have_tls(&now->listen) &&
        !config_endpoints_have_tls(&now->connect))
        return true;
    return before->config->files != NULL && now->config->files != NULL &&
        tls_files_same(now, before->config->files, now->config->files);
}

bool
service_is_same(
    const struct service_config *before, const struct service_config *now)
{
    return strcmp(before->name, now->name) == 0 &&
        has_same_options(before, now) && has_same_files(before, now);
}
