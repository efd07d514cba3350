#include "cli/check_places.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/path_why.h"
#include "cli/unit_user.h"
#include "config/config.h"
#include "config/config_fault.h"
#include "config/config_options.h"

enum { TITLE_SIZE = 256 };

/* Of `path`; false: it is too long for one. */
static bool
name_folder(const char *path, char folder[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    int size;

    if (slash == NULL)
        size = snprintf(folder, PATH_MAX, ".");
    else
        size = snprintf(folder, PATH_MAX, "%.*s",
            slash == path ? 1 : (int)(slash - path), path);
    return size < PATH_MAX;
}

/* The units of the package make these when they start: no file that is meant for one
 * of them, wherever it lies now, is wrong because none has started yet. */
static const char *const package_folders[] = {
    "/run/sallyport", "/var/log/sallyport",
};

/* Whether the folder is made by a start. */
static bool
is_made_by_unit(const struct unit_user *unit, const char *folder)
{
    for (size_t i = 0; i < unit->makes.count; i++)
        if (strcmp(folder, unit->makes.items[i]) == 0)
            return true;
    for (size_t i = 0; i < COUNT(package_folders); i++)
        if (strcmp(folder, package_folders[i]) == 0 &&
            access(folder, F_OK) != 0)
            return true;
    return false;
}

/* Whether a file could be made there: with errno. */
static bool
takes_files(const char *folder)
{
    struct stat status;

    if (stat(folder, &status) != 0)
        return false;
    if (!S_ISDIR(status.st_mode)) {
        errno = ENOTDIR;
        return false;
    }
    return faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0;
}

/* Why nothing can be made at `path`; false: it can. */
static bool
explain_place(const struct unit_user *unit, const char *path,
    char why[PATH_WHY_SIZE])
{
    char folder[PATH_MAX];

    if (!name_folder(path, folder) || is_made_by_unit(unit, folder) ||
        takes_files(folder))
        return false;
    if (errno == ENOENT)
        snprintf(why, PATH_WHY_SIZE, "there is no directory %.900s", folder);
    else
        path_why(path, PATH_WRITE, errno, why);
    return true;
}

static void
check_log(const struct config *config, const struct unit_user *unit,
    struct error *error)
{
    const struct global_config *global = &config->global;
    const char *path = global->log_path;
    char why[PATH_WHY_SIZE] = "";

    if (global->log_target != LOG_FILE)
        return;
    if (access(path, F_OK) != 0) {
        if (!explain_place(unit, path, why))
            return;
    } else if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0) {
        path_why(path, PATH_WRITE, errno, why);
    } else {
        return;
    }
    config_fault_add(error,
        config_option_origin(global->origins, OPTION_GLOBAL, "log"), "global",
        "log", "the file %s could not be written: %s", path, why);
}

static void
check_socket_place(const struct service_config *service,
    const struct endpoint *endpoint, const struct unit_user *unit,
    struct error *error)
{
    char why[PATH_WHY_SIZE] = "", title[TITLE_SIZE];
    const struct log_cause cause = {
        .file = endpoint->origin.file,
        .place = config_fault_place(&endpoint->origin),
    };

    if (endpoint->kind != ENDPOINT_UNIX || endpoint->path[0] == '@' ||
        !explain_place(unit, endpoint->path, why))
        return;
    if (unit->unit[0] != '\0') {
        log_warn_at(&cause, service->name, "place", "listen: %s: unless a "
            "socket unit passes it, it could not be made: %s", endpoint->text,
            why);
        return;
    }
    snprintf(title, sizeof(title), "service %s", service->name);
    config_fault_add(error, &endpoint->origin, title, "listen",
        "%s: the socket could not be made: %s", endpoint->text, why);
}

void
check_places(const struct config *config, const struct unit_user *unit,
    struct error *error)
{
    check_log(config, unit, error);
    for (size_t i = 0; i < config->service_count; i++) {
        const struct service_config *service = &config->services[i];

        for (size_t j = 0; j < service->listen.count; j++)
            check_socket_place(
                service, &service->listen.items[j], unit, error);
    }
}
