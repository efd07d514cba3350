#include "master/credential_check.h"

#include <stdbool.h>

#include "base/log.h"
#include "config/config.h"
#include "systemd/credential.h"
#include "tls/tls_files.h"

/* tls_files_see_fn */
static bool
warn_of_copy(const struct tls_named *named, void *arg)
{
    const struct service_config *service = arg;
    struct credential credential;
    char source[PATH_MAX];
    enum credential_state state = credential_look(named->path, source);

    if ((state != CREDENTIAL_CHANGED && state != CREDENTIAL_HIDDEN) ||
        !credential_parse(named->path, &credential))
        return true;
    log_warn(service->name, "%s is the copy of %s that was made when the unit "
        "started%s, systemctl restart %s", named->path, source,
        state == CREDENTIAL_CHANGED ? ", and the file has changed since: so"
            : "; this user may not see whether the file has changed since: if so",
        credential.unit);
    return true;
}

void
credential_check(const struct config *config)
{
    for (size_t i = 0; i < config->service_count; i++)
        (void)tls_files_each(&config->services[i], config->files,
            warn_of_copy, &config->services[i]);
}
