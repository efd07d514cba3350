#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/number.h"
#include "cli/check_connect.h"
#include "cli/check_places.h"
#include "cli/check_plan.h"
#include "cli/command.h"
#include "cli/command_line.h"
#include "cli/findings.h"
#include "cli/unit_user.h"
#include "config/config.h"
#include "config/config_file.h"
#include "files/files.h"
#include "master/credential_check.h"
#include "relay/service.h"
#include "relay/services.h"
#include "relay/services_warn.h"
#include "sandbox/account_check.h"
#include "sandbox/sandbox.h"
#include "tls/tls_memory.h"
#include "tls/tls_shared.h"
#include "tls/tls_ticket_secrets.h"
#include "tls/tls_vault.h"

enum { PATH_SIZE = 1024 };

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

/* NULL: every fault is in `error`. */
static struct config *
load_as_unit(const struct command_line *line, struct unit_user *unit,
    struct error *error)
{
    struct files *files = files_on_disk();

    if (files != NULL && become_asker(line, unit, files, error))
        return command_load(line, files, error);
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

static bool
fails_strictly(const struct command_line *line, const struct findings *found)
{
    return command_line_has(line, FLAG_STRICT) && error_any(&found->warnings);
}

/* NULL: it is not asked for, or there are faults. */
static struct check_connect *
prepare_connecting(const struct command_line *line, struct config *config,
    struct service *const *services, struct error *error)
{
    if (!command_line_has(line, FLAG_CONNECT) || services == NULL ||
        error_any(error))
        return NULL;
    return check_connect_new(config, services, error);
}

/* Finds what is wrong with all that the configuration names, but for names and
 * addresses, which are not bound, and are looked up to probe the servers alone;
 * prints what it does if that is nothing. */
static void
try_config(const struct command_line *line, const struct unit_user *unit,
    struct config *config, struct findings *found)
{
    struct error *error = &found->errors;
    const struct services_spec spec = {
        .config = config,
        .shared = tls_shared_new(true),
        .tries = true,
    };
    struct check_connect *connecting;
    struct service **services;

    account_check(config, error);
    check_places(config, unit, error);
    check_ticket_secret(config, error);
    services = services_new(&spec, error);
    config_file_warn(config);
    if (services != NULL)
        services_warn(services, config->service_count);
    credential_check(config);
    if (services != NULL && !error_any(error) &&
        tls_vault_would_load(config, spec.shared, error) &&
        !fails_strictly(line, found) && !command_line_has(line, FLAG_QUIET))
        check_plan_print(services, config->service_count);
    connecting = prepare_connecting(line, config, services, error);
    services_free(services, config->service_count);
    tls_shared_free(spec.shared);
    if (connecting != NULL)
        check_connect_run(
            connecting, command_line_has(line, FLAG_QUIET), error);
}

static void
say_ok(const struct config *config, const struct findings *found)
{
    char count[FINDINGS_COUNT_SIZE], path[PATH_SIZE];

    findings_count(found, count);
    escape_bytes(path, sizeof(path), config->path, strlen(config->path),
        ESCAPE_MESSAGE);
    printf("%s: ok, %zu service%s%s%s\n", path, config->service_count,
        number_plural(config->service_count), *count != '\0' ? ", " : "",
        count);
}

/* Tells what was found, and returns the exit code. */
static int
conclude_check(const struct command_line *line, const struct config *config,
    struct findings *found)
{
    bool faulty = config == NULL || error_any(&found->errors);
    bool strict = fails_strictly(line, found);
    char count[FINDINGS_COUNT_SIZE];
    struct error sum = { 0 };

    findings_count(found, count);
    if (faulty || strict)
        error_add(&sum, "%s: %s%s", line->file, count,
            faulty ? "" : ", which --strict takes for errors");
    else if (!command_line_has(line, FLAG_QUIET))
        say_ok(config, found);
    findings_end(found);
    error_print(&sum);
    return faulty || strict ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Before a key is read. */
static bool
protect_keys(const struct command_line *line, struct error *error)
{
    if (command_line_has(line, FLAG_CONNECT) && !tls_memory_wipe_freed()) {
        error_add(error, "OpenSSL's memory cannot be wiped");
        return false;
    }
    return sandbox_forbid_dumps(error);
}

/* sallyport check [[-c] FILE]: all that `run` would find wrong, but for names
 * and addresses; with --connect what is wrong with servers. */
int
command_check(const struct command_line *line)
{
    struct findings found;
    struct unit_user unit = { .user = NULL };
    struct config *config = NULL;
    int code;

    findings_begin(&found);
    if (protect_keys(line, &found.errors))
        config = load_as_unit(line, &unit, &found.errors);
    if (config != NULL)
        try_config(line, &unit, config, &found);
    code = conclude_check(line, config, &found);
    if (code != EXIT_SUCCESS)
        say_who_asked(&unit, stderr);
    else if (!command_line_has(line, FLAG_QUIET))
        say_who_asked(&unit, stdout);
    unit_user_clear(&unit);
    config_unref(config);
    return code;
}
