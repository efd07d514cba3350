#include "master/credential_check.h"

#include <stdbool.h>

#include "base/log.h"
#include "config/config.h"
#include "config/config_fault.h"
#include "config/config_options.h"
#include "config/config_values.h"
#include "systemd/credential.h"
#include "tls/tls_files.h"

/* tls_files_see_fn */
static bool
warn_of_copy(const struct tls_named *named, void *arg)
{
    const struct service_config *service = arg;
    struct credential credential;
    const struct option *option;
    const struct origin *origin =
        config_values_find(service, named->path, &option);
    struct log_cause cause;
    char source[PATH_MAX];
    enum credential_state state = credential_look(named->path, source);

    /* The system's store, which no option names, is no credential. */
    if ((state != CREDENTIAL_CHANGED && state != CREDENTIAL_HIDDEN) ||
        origin == NULL || !credential_parse(named->path, &credential))
        return true;
    cause = (struct log_cause){
        .file = origin->file, .place = config_fault_place(origin),
    };
    log_warn_at(&cause, service->name, "credential", "%s: %s is the copy of %s "
        "that was made when the unit started%s systemctl restart %s",
        option->name, named->path, source, state == CREDENTIAL_CHANGED
            ? ", and the file has changed since:"
            : "; this user may not see whether the file has changed since: if so,",
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
