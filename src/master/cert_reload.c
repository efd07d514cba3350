#include "master/cert_reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "config/config_load.h"
#include "files/files.h"
#include "files/watch.h"
#include "master/generation.h"
#include "master/rollout.h"
#include "tls/tls_files.h"

static bool
add_path(const struct tls_named *named, void *arg)
{
    return named->covered ||
        strings_add(arg, named->path, strlen(named->path));
}

static void
on_file_changed(void *arg)
{
    struct cert_reload *reload = arg;

    reload->parts.wanted(reload->parts.arg);
}

static const struct config *
current_config(const struct cert_reload *reload)
{
    return reload->parts.generations->current.config;
}

void
cert_reload_watch(struct cert_reload *reload)
{
    const struct config *config = current_config(reload);
    struct strings paths = { 0 };
    bool ok = true;

    for (size_t i = 0; config->global.watch && i < config->service_count; i++)
        ok &= tls_files_each(
            &config->services[i], config->files, add_path, &paths);
    if (reload->watch == NULL && paths.count > 0)
        reload->watch =
            watch_new(reload->parts.base, on_file_changed, reload);
    ok &= reload->watch != NULL || paths.count == 0;
    if (reload->watch != NULL)
        ok &= watch_set(reload->watch, paths.items, paths.count);
    if (!ok)
        log_error(NULL, "certificates are not watched: out of memory");
    strings_clear(&paths);
}

void
cert_reload_stop(struct cert_reload *reload)
{
    watch_free(reload->watch);
    reload->watch = NULL;
}

/* The files as they are now, but for those whose file system does not answer:
 * the master must not wait for it. */
static struct files *
read_anew(const struct cert_reload *reload)
{
    const struct watch *watch = reload->watch;
    struct strings silent = { 0 };
    struct files *files = NULL;

    if (watch == NULL || watch_silent(watch, &silent))
        files = files_renew(current_config(reload)->files, &silent);
    strings_clear(&silent);
    return files;
}

/* The configuration as it stands, with the files as they are now. */
static struct config *
load_now(const struct cert_reload *reload)
{
    struct error error = { 0 };
    struct files *files = read_anew(reload);
    struct config *config =
        files != NULL ? config_load_again(files, &error) : NULL;

    files_unref(files); /* the configuration has its own */
    if (config != NULL)
        tls_files_gather(config);
    for (size_t i = 0; i < error.count; i++)
        log_error(NULL, "%s", error.messages[i]);
    error_clear(&error);
    return config;
}

static bool
has_changed(const struct cert_reload *reload, const struct config *config,
    size_t index)
{
    return !tls_files_same(&config->services[index],
        current_config(reload)->files, config->files);
}

struct keeping {
    struct files *now;
    struct files *before;
};

static bool
keep_old(const struct tls_named *named, void *arg)
{
    const struct keeping *keeping = arg;

    return files_restore(keeping->now, keeping->before, named->path) ||
        named->listed; /* a file that is new */
}

/* Both ways: a directory may list other files now. */
static bool
keep_service(const struct service_config *service, struct keeping *keeping)
{
    return tls_files_each(service, keeping->now, keep_old, keeping) &&
        tls_files_each(service, keeping->before, keep_old, keeping);
}

/* Leaves every service but one as it was. */
static bool
single_out(
    const struct cert_reload *reload, struct config *config, size_t index)
{
    struct config *fresh = load_now(reload);
    struct keeping keeping = { config->files, current_config(reload)->files };
    bool ok = fresh != NULL;

    for (size_t i = 0; ok && i < config->service_count; i++)
        if (i != index)
            ok = keep_service(&config->services[i], &keeping);
    /* What it shares with others is new for them too. */
    keeping.before = fresh != NULL ? fresh->files : NULL;
    ok = ok && keep_service(&config->services[index], &keeping);
    config_unref(fresh);
    return ok;
}

static void
report_result(struct cert_reload *reload, const struct error *error)
{
    if (error->count == 0 && error->dropped > 0)
        log_error(NULL, "cannot reload changed certificate files: "
            "out of memory");
    if (error_any(error))
        snprintf(reload->fault, sizeof(reload->fault), "%s",
            error_first(error));
    for (size_t i = 0; i < error->count; i++)
        log_error(NULL, "cannot reload changed certificate files, keeping "
            "the previous ones: %s", error->messages[i]);
    if (error_any(error))
        return;
    log_info(NULL, "reloaded changed certificate files: generation %llu",
        (unsigned long long)reload->parts.generations->current.number);
    reload->parts.renewed(reload->parts.arg);
}

static void
end_cert_reload(struct cert_reload *reload)
{
    static const struct error none = { 0 };

    reload->apart = false;
    cert_reload_watch(reload);
    reload->parts.done(reload->parts.arg, &none);
}

static void try_next_service(struct cert_reload *reload);

static void
on_service_done(void *arg, struct error *error)
{
    struct cert_reload *reload = arg;

    report_result(reload, error);
    reload->next++;
    try_next_service(reload);
}

/* The next service whose files have changed, alone. */
static void
try_next_service(struct cert_reload *reload)
{
    struct config *config = load_now(reload);

    while (config != NULL && reload->next < config->service_count &&
        !has_changed(reload, config, reload->next))
        reload->next++;
    if (config != NULL && reload->next < config->service_count &&
        single_out(reload, config, reload->next)) {
        rollout_start(
            reload->parts.rollout, config, true, on_service_done, reload);
        return;
    }
    config_unref(config);
    end_cert_reload(reload);
}

static size_t
count_changed(const struct cert_reload *reload, const struct config *config)
{
    size_t count = 0;

    for (size_t i = 0; i < config->service_count; i++)
        count += has_changed(reload, config, i);
    return count;
}

static void
on_all_done(void *arg, struct error *error)
{
    struct cert_reload *reload = arg;

    if (error_any(error) && reload->apart) {
        reload->next = 0;
        try_next_service(reload);
        return;
    }
    report_result(reload, error);
    end_cert_reload(reload);
}

void
cert_reload_begin(struct cert_reload *reload)
{
    static const struct error none = { 0 };
    struct config *config = load_now(reload);
    size_t changed = config != NULL ? count_changed(reload, config) : 0;

    reload->fault[0] = '\0';
    if (changed == 0) {
        config_unref(config);
        reload->parts.done(reload->parts.arg, &none);
        return;
    }
    reload->apart = changed > 1;
    rollout_start(reload->parts.rollout, config, true, on_all_done, reload);
}
