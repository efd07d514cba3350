#include "master/cert_reload.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "config/config_load.h"
#include "files/files.h"
#include "files/watch.h"
#include "master/master_internal.h"
#include "master/reload.h"
#include "tls/tls_files.h"

static void look(struct master *master);

static bool
add_path(const struct tls_named *named, void *arg)
{
    return strings_add(arg, named->path, strlen(named->path));
}

static void
on_changed(void *arg)
{
    look(arg);
}

void
cert_reload_watch(struct master *master)
{
    struct cert_reload *cert_reload = &master->cert_reload;
    const struct config *config = master->config;
    struct strings paths = { 0 };
    bool ok = true;

    for (size_t i = 0; config->global.watch && i < config->service_count; i++)
        ok &= tls_files_each(
            &config->services[i], config->files, add_path, &paths);
    if (cert_reload->watch == NULL && paths.count > 0)
        cert_reload->watch = watch_new(master->base, on_changed, master);
    ok &= cert_reload->watch != NULL || paths.count == 0;
    if (cert_reload->watch != NULL)
        ok &= watch_set(cert_reload->watch, paths.items, paths.count);
    if (!ok)
        log_error(NULL, "certificates are not watched: out of memory");
    strings_clear(&paths);
}

void
cert_reload_stop(struct master *master)
{
    watch_free(master->cert_reload.watch);
    master->cert_reload.watch = NULL;
}

/* As they are now, but for those whose file system does not answer, for whose
 * sake nobody is to wait. */
static struct files *
read_anew(const struct master *master)
{
    const struct watch *watch = master->cert_reload.watch;
    struct strings silent = { 0 };
    struct files *files = NULL;

    if (watch == NULL || watch_silent(watch, &silent))
        files = files_renew(master->config->files, &silent);
    strings_clear(&silent);
    return files;
}

/* The configuration as it stands, with the files as they are now. */
static struct config *
load_now(const struct master *master)
{
    struct error error = { 0 };
    struct files *files = read_anew(master);
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
has_changed(
    const struct master *master, const struct config *config, size_t index)
{
    return !tls_files_same(&config->services[index],
        master->config->files, config->files);
}

struct keeping {
    struct files *now;
    const struct files *before;
};

static bool
keep_old(const struct tls_named *named, void *arg)
{
    const struct keeping *keeping = arg;

    return files_restore(keeping->now, keeping->before, named->path);
}

/* Leaves every service but one as it was. */
static bool
single_out(const struct master *master, struct config *config, size_t index)
{
    struct config *fresh = load_now(master);
    struct keeping keeping = { config->files, master->config->files };
    bool ok = fresh != NULL;

    for (size_t i = 0; ok && i < config->service_count; i++)
        if (i != index)
            ok = tls_files_each(
                &config->services[i], config->files, keep_old, &keeping);
    /* What it shares with others is new for them too. */
    keeping.before = fresh != NULL ? fresh->files : NULL;
    ok = ok && tls_files_each(
        &config->services[index], config->files, keep_old, &keeping);
    config_unref(fresh);
    return ok;
}

static void
report(struct master *master, struct error *error)
{
    if (error->count == 0 && error->dropped > 0)
        log_error(NULL, "changed files are not taken over: out of memory");
    for (size_t i = 0; i < error->count; i++)
        log_error(NULL,
            "changed files are not taken over, the old ones stay in force: %s",
            error->messages[i]);
    if (error_any(error))
        return;
    log_info(NULL, "changed files taken over: generation %llu",
        (unsigned long long)master->generation);
    manager_state_status(master);
}

static void try_next(struct master *master);

static void
on_done_alone(struct master *master, struct error *error)
{
    report(master, error);
    master->cert_reload.next++;
    try_next(master);
}

static void
end(struct master *master)
{
    master->cert_reload.apart = false;
    cert_reload_watch(master);
    master_go_on(master);
}

/* The next service whose files have changed, alone. */
static void
try_next(struct master *master)
{
    struct cert_reload *cert_reload = &master->cert_reload;
    struct config *config = load_now(master);

    while (config != NULL && cert_reload->next < config->service_count &&
        !has_changed(master, config, cert_reload->next))
        cert_reload->next++;
    if (config != NULL && cert_reload->next < config->service_count &&
        single_out(master, config, cert_reload->next)) {
        rollout_start(master, config, true, on_done_alone);
        return;
    }
    config_unref(config);
    end(master);
}

static size_t
count_changed(const struct master *master, const struct config *config)
{
    size_t count = 0;

    for (size_t i = 0; i < config->service_count; i++)
        count += has_changed(master, config, i);
    return count;
}

static void
on_done(struct master *master, struct error *error)
{
    struct cert_reload *cert_reload = &master->cert_reload;

    if (error_any(error) && cert_reload->apart) {
        cert_reload->next = 0;
        try_next(master);
        return;
    }
    report(master, error);
    end(master);
}

static void
look(struct master *master)
{
    struct cert_reload *cert_reload = &master->cert_reload;
    struct config *config;
    size_t changed;

    if (master->stopping)
        return;
    if (master_is_busy(master)) {
        cert_reload->again = true;
        return;
    }
    config = load_now(master);
    changed = config != NULL ? count_changed(master, config) : 0;
    if (changed == 0) {
        config_unref(config);
        return;
    }
    cert_reload->apart = changed > 1;
    rollout_start(master, config, true, on_done);
}

void
cert_reload_if_changed(struct master *master)
{
    if (!master->cert_reload.again)
        return;
    master->cert_reload.again = false;
    look(master);
}
