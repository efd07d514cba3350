#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "cli/command.h"
#include "config/config.h"
#include "config/config_file.h"
#include "relay/service.h"
#include "relay/services.h"
#include "sandbox/account_check.h"
#include "sandbox/sandbox.h"
#include "tls/tls_shared.h"
#include "tls/tls_vault.h"

/* sallyport check [[-c] FILE]: all that `run` would find wrong, but for names
 * and addresses, which are neither resolved nor bound. */
int
command_check(const struct command_line *line)
{
    struct error error = { 0 };
    struct services_spec spec;
    struct service **services;
    struct config *config = NULL;
    int code = EXIT_SUCCESS;

    if (sandbox_forbid_dumps(&error))
        config = command_load(line);
    if (config == NULL) {
        error_print(&error);
        return EXIT_FAILURE;
    }
    spec = (struct services_spec){
        .config = config,
        .shared = tls_shared_new(true),
        .tries = true,
    };
    account_check(config, &error);
    services = services_new(&spec, &error);
    config_file_warn(config);
    if (error_any(&error) || services == NULL ||
        !tls_vault_would_load(config, spec.shared, &error))
        code = EXIT_FAILURE;
    else
        printf("%s: ok, %zu service%s\n", config->path, config->service_count,
            config->service_count == 1 ? "" : "s");
    error_print(&error);
    services_free(services, config->service_count);
    tls_shared_free(spec.shared);
    config_unref(config);
    return code;
}
