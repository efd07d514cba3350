#include "tls/tls_files.h"

#include <openssl/x509.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "tls/tls_cert_paths.h"
#include "tls/tls_load.h"

/* The function that is called for each file, and its argument. */
struct seeing {
    struct files *files;
    tls_files_see_fn *see;
    void *arg;
};

static char *
system_path(struct files *files, const char *variable, const char *path)
{
    char *chosen = files_variable(files, variable);

    return chosen != NULL ? chosen : strdup(path);
}

bool
tls_files_system(struct files *files, struct tls_system *system)
{
    system->file = system_path(files, X509_get_default_cert_file_env(),
        X509_get_default_cert_file());
    system->directory = system_path(files, X509_get_default_cert_dir_env(),
        X509_get_default_cert_dir());
    if (system->file != NULL && system->directory != NULL)
        return true;
    tls_files_system_free(system);
    return false;
}

void
tls_files_system_free(struct tls_system *system)
{
    free(system->file);
    free(system->directory);
    *system = (struct tls_system){ 0 };
}

bool
tls_files_is_missing(enum file_result result, int why)
{
    return result == FILE_NOT_OPENED && (why == ENOENT || why == ENOTDIR ||
        why == ELOOP || why == ENAMETOOLONG);
}

static bool
see_one(const struct seeing *seeing, const char *path, enum file_use use)
{
    struct tls_named named = {
        .path = path, .use = use, .limit = TLS_FILE_KEYS_BYTES,
    };

    return seeing->see(&named, seeing->arg);
}

/* A watch of the line notices what becomes of its files, but for keys beside those
 * that a pattern matches. */
static bool
see_pair(const struct seeing *seeing, const struct tls_cert_path *path,
    const char *line)
{
    struct tls_named named = {
        .path = path->cert,
        .use = FILE_FOR_TLS,
        .limit = TLS_FILE_KEYS_BYTES,
        .listed = path->listed,
        .covered = path->listed,
    };

    if (!seeing->see(&named, seeing->arg))
        return false;
    if (path->key == NULL)
        return true;
    named.path = path->key;
    named.use = FILE_FOR_TLS_SECRET;
    named.covered = path->listed && !tls_cert_paths_is_pattern(line);
    return seeing->see(&named, seeing->arg);
}

/* The paths of the leg's certificates and keys, and before those of a directory or
 * pattern that itself. */
static bool
see_paths(const struct seeing *seeing, const struct leg_config *leg,
    const struct tls_cert_paths *paths)
{
    bool good = true;
    size_t at = 0;

    for (size_t i = 0; good && i < leg->cert.count; i++) {
        const char *line = leg->cert.items[i];

        if (at == paths->count || paths->items[at].line != i ||
            paths->items[at].listed)
            good = see_one(seeing, line, FILE_FOR_TLS);
        for (; good && at < paths->count && paths->items[at].line == i; at++)
            good = see_pair(seeing, &paths->items[at], line);
    }
    return good;
}

static bool
see_trusted(const struct seeing *seeing, const char *path, bool is_list)
{
    struct tls_named named = {
        .path = path,
        .use = FILE_FOR_TLS,
        .limit = TLS_FILE_TRUST_BYTES,
        .may_be_directory = !is_list,
    };

    return seeing->see(&named, seeing->arg);
}

static bool
see_system(const struct seeing *seeing)
{
    struct file_content content;
    enum file_result result;
    struct tls_system system;
    const char *path;
    bool good;

    if (!tls_files_system(seeing->files, &system))
        return false;
    result = files_read(seeing->files, FILE_FOR_TLS, system.file,
        TLS_FILE_TRUST_BYTES, &content);
    path = tls_files_is_missing(result, content.why) ? system.directory :
        system.file;
    files_release(&content);
    good = see_trusted(seeing, path, false);
    tls_files_system_free(&system);
    return good;
}

static bool
see_pairs(const struct seeing *seeing, const struct leg_config *leg)
{
    struct tls_cert_paths paths = { .items = NULL };
    bool good;

    if (leg->passphrase_file != NULL &&
        !see_one(seeing, leg->passphrase_file, FILE_FOR_TLS_SECRET))
        return false;
    good = tls_cert_paths_find(seeing->files, leg, &paths) &&
        see_paths(seeing, leg, &paths);
    tls_cert_paths_clear(&paths);
    return good;
}

static bool
see_rules(const struct seeing *seeing, const struct leg_config *leg)
{
    for (size_t i = 0; i < leg->allow_files.count; i++)
        if (!see_one(seeing, leg->allow_files.items[i], FILE_FOR_TLS))
            return false;
    return true;
}

static bool
see_trust(const struct seeing *seeing, const struct leg_config *leg,
    bool accepts)
{
    if (leg->verify == VERIFY_NONE)
        return true;
    for (size_t i = 0; i < leg->ca.count; i++)
        if (!(strcmp(leg->ca.items[i], "system") == 0 ? see_system(seeing) :
            see_trusted(seeing, leg->ca.items[i], false)))
            return false;
    if (leg->ca.count == 0 && !accepts && !see_system(seeing))
        return false;
    for (size_t i = 0; i < leg->crl.count; i++)
        if (!see_trusted(seeing, leg->crl.items[i], true))
            return false;
    return true;
}

static bool
see_leg(const struct seeing *seeing, const struct leg_config *leg, bool accepts)
{
    return see_pairs(seeing, leg) && see_rules(seeing, leg) &&
        see_trust(seeing, leg, accepts);
}

bool
tls_files_each(const struct service_config *service, struct files *files,
    tls_files_see_fn *see, void *arg)
{
    struct seeing seeing = { files, see, arg };

    if (config_endpoints_have_tls(&service->listen) &&
        !see_leg(&seeing, &service->listen_leg, true))
        return false;
    return !config_endpoints_have_tls(&service->connect) ||
        see_leg(&seeing, &service->connect_leg, false);
}

static bool
gather_named(const struct tls_named *named, void *arg)
{
    struct files *files = arg;

    if (files_gather(files, named->use, named->path, named->limit) ==
        FILE_IS_DIRECTORY && named->may_be_directory)
        files_gather_listed(files, named->path, named->limit);
    return true;
}

void
tls_files_gather(const struct config *config)
{
    if (config->files == NULL)
        return;
    for (size_t i = 0; i < config->service_count; i++)
        (void)tls_files_each(&config->services[i], config->files, gather_named,
            config->files);
}

struct two {
    struct files *before;
    struct files *now;
};

static bool
compare_named(const struct tls_named *named, void *arg)
{
    const struct two *two = arg;

    return files_equal(two->before, two->now, named->path);
}

/* The store may be at another place now: hence both ways. */
bool
tls_files_same(const struct service_config *service, struct files *before,
    struct files *now)
{
    struct two two = { before, now };

    return tls_files_each(service, before, compare_named, &two) &&
        tls_files_each(service, now, compare_named, &two);
}

bool
tls_files_same_trust(const struct leg_config *leg, bool accepts,
    struct files *before, struct files *now)
{
    struct two two = { before, now };
    const struct seeing then = { before, compare_named, &two };
    const struct seeing present = { now, compare_named, &two };

    if (before == NULL || now == NULL)
        return false;
    return before == now || (see_trust(&then, leg, accepts) &&
        see_trust(&present, leg, accepts));
}
