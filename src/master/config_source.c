#include "master/config_source.h"

#include <stddef.h>

#include "base/error.h"
#include "config/config.h"
#include "sandbox/account_check.h"

struct config *
config_source_load(const struct config_source *source, struct error *error)
{
    struct config *config = source->load(source->arg, error);

    if (config != NULL)
        account_check(config, error);
    if (!error_any(error))
        return config;
    config_unref(config);
    return NULL;
}
