#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/command_line.h"
#include "cli/unit_user.h"
#include "config/config.h"
#include "config/config_file.h"
#include "files/files.h"
#include "master/credential_check.h"
#include "relay/service.h"
#include "relay/services.h"
#include "sandbox/account_check.h"
#include "sandbox/sandbox.h"
#include "tls/tls_shared.h"
#include "tls/tls_ticket_secrets.h"
#include "tls/tls_vault.h"

/* Root asks as the user that is named, or as the unit's: what that one may not read
 * is missing at a start, too. */
static bool
become_asker(const struct command_line *line, struct unit_user *unit,
    struct files *files, struct error *error)
{
    if (geteuid() != 0) {
        if (line->user != NULL)
            error_add(error, "--user: only root can check as another user");
        return line->user == NULL;
    }
    if (line->user != NULL) {
        unit->user = strdup(line->user);
        if (unit->user == NULL)
            error_no_memory(error);
    } else if (unit_user_find(line->file, unit)) {
        unit_user_provide(unit, files);
    }
    return !error_any(error) && unit_user_become(unit, error);
}

/* NULL: explained on stderr, or in `error`. */
static struct config *
load_as_unit(const struct command_line *line, struct unit_user *unit,
    struct error *error)
{
    struct files *files = files_on_disk();

    if (files != NULL && become_asker(line, unit, files, error))
        return command_load_into(files, line);
    if (files == NULL)
        error_no_memory(error);
    files_unref(files);
    unit_user_clear(unit);
    return NULL;
}

static void
say_who_asked(const struct unit_user *unit, FILE *out)
{
    if (unit->user != NULL && unit->unit[0] != '\0')
        fprintf(out, "sallyport: asked as user %s, as %s will; --user root "
            "asks as root\n", unit->user, unit->unit);
    else if (unit->user != NULL)
        fprintf(out, "sallyport: asked as user %s\n", unit->user);
}

/* A start takes it from there, or makes one. */
static void
check_ticket_secret(const struct config *config, struct error *error)
{
    static const struct tls_secret made = { { 0 } };
    struct tls_ticket_secrets secrets;

    (void)!tls_ticket_secrets_read(config, &made, &secrets, error);
    explicit_bzero(&secrets, sizeof(secrets));
}

/* sallyport check [[-c] FILE]: all that `run` would find wrong, but for names
 * and addresses, which are neither resolved nor bound. */
int
command_check(const struct command_line *line)
{
    struct error error = { 0 };
    struct services_spec spec;
    struct service **services;
    struct config *config = NULL;
    struct unit_user unit = { .user = NULL };
    int code = EXIT_SUCCESS;

    if (sandbox_forbid_dumps(&error))
        config = load_as_unit(line, &unit, &error);
    if (config == NULL) {
        error_print(&error);
        say_who_asked(&unit, stderr);
        unit_user_clear(&unit);
        return EXIT_FAILURE;
    }
    spec = (struct services_spec){
        .config = config,
        .shared = tls_shared_new(true),
        .tries = true,
    };
    account_check(config, &error);
    check_ticket_secret(config, &error);
    services = services_new(&spec, &error);
    config_file_warn(config);
    credential_check(config);
    if (error_any(&error) || services == NULL ||
        !tls_vault_would_load(config, spec.shared, &error))
        code = EXIT_FAILURE;
    else
        printf("%s: ok, %zu service%s\n", config->path, config->service_count,
            config->service_count == 1 ? "" : "s");
    error_print(&error);
    say_who_asked(&unit, code == EXIT_SUCCESS ? stdout : stderr);
    unit_user_clear(&unit);
    services_free(services, config->service_count);
    tls_shared_free(spec.shared);
    config_unref(config);
    return code;
}
