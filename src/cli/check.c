#include <stdio.h>

#include "base/error.h"
#include "cli/command.h"
#include "config/config.h"
#include "relay/service.h"
#include "tls/tls_vault.h"

/* sallyport check [-c FILE]: all that `run` would find wrong, but for names
 * and addresses, which are neither resolved nor bound. */
int
command_check(int count, char *const *arguments)
{
    struct error error = { 0 };
    struct service **services;
    int code;
    struct config *config = command_load("check", count, arguments, &code);

    if (config == NULL)
        return code;
    services =
        services_new(&(struct services_spec){ .config = config }, &error);
    if (services == NULL || !tls_vault_would_load(config, &error))
        code = EXIT_FAULT;
    else
        printf("%s: ok, %zu service%s\n", config->path, config->service_count,
            config->service_count == 1 ? "" : "s");
    error_print(&error);
    services_free(services, config->service_count);
    config_unref(config);
    return code;
}
