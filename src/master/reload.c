#include "master/reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "config/config_options.h"
#include "config/config_type.h"
#include "master/cert_reload.h"
#include "master/child.h"
#include "master/listen_check.h"
#include "master/master_internal.h"
#include "master/requests.h"
#include "systemd/activation.h"

void
master_tell_log(struct master *master)
{
    const struct config *config =
        master->config != NULL ? master->config : master->rollout.config;
    struct message_log fixed = { .dress = log_dress() };

    if (config == NULL)
        return;
    fixed.format = config->global.log_format;
    fixed.level = config->global.log_level;
    for (struct child *each = master->children; each != NULL;
         each = each->next)
        if (each->role != ROLE_TRIAL)
            child_send(each, MESSAGE_LOG, &fixed, NULL, 0, -1);
}

void
master_note_sockets(struct master *master)
{
    for (size_t i = 0; i < master->sockets.count; i++) {
        struct listen_socket *held = &master->sockets.items[i];

        if (held->noted || !held->serves)
            continue;
        held->noted = true;
        if (held->socket.index == 0)
            log_info(master->config->services[held->now.service].name,
                "listening on %s%s", held->socket.text,
                held->now.tls ? " with TLS" : "");
    }
}

static bool
is_same_log(const struct global_config *a, const struct global_config *b)
{
    return a->log_target == b->log_target && a->log_level == b->log_level &&
        a->log_format == b->log_format &&
        (a->log_target != LOG_FILE || strcmp(a->log_path, b->log_path) == 0);
}

static char *
value_of(const struct option *option, const struct global_config *global)
{
    return config_type_count(option, global) > 0
        ? config_type(option, global, 0)
        : strdup("nothing");
}

/* Options that only a start looks at. */
static void
warn_of_others(const struct config *before, const struct config *now)
{
    for (size_t i = 0; i < config_option_count(); i++) {
        const struct option *option = config_option_at(i);
        char *old, *new;

        if (option->scope != OPTION_GLOBAL ||
            (option->flags & OPTION_RELOADS) != 0)
            continue;
        old = value_of(option, &before->global);
        new = value_of(option, &now->global);
        if (old != NULL && new != NULL && strcmp(old, new) != 0)
            log_warn(NULL, "[global] %s has changed from %s to %s, which "
                "takes a restart or an upgrade", option->name, old, new);
        free(old);
        free(new);
    }
}

static void
note_result(struct master *master, const struct error *error)
{
    bool failed = error_any(error);

    master->reload_state = failed ? RELOAD_FAILED : RELOAD_DONE;
    master->reload_s = time(NULL);
    snprintf(master->reload_text, sizeof(master->reload_text), "%s",
        !failed            ? "in force"
            : error->count > 0 ? error->messages[0]
                               : "out of memory");
    for (size_t i = 0; i < error->count; i++)
        log_error(NULL, "reload failed: %s", error->messages[i]);
    if (!failed)
        log_info(NULL, "reloaded: generation %llu",
            (unsigned long long)master->generation);
}

static void
end_reload(struct master *master, struct error *error)
{
    note_result(master, error);
    manager_state_reloaded(master);
    requests_finish(master, REQUEST_RELOAD, "reloaded\n", error);
    master_go_on(master);
}

void
reload_if_asked(struct master *master)
{
    if (!master->reload_again)
        return;
    master->reload_again = false;
    master_reload(master);
}

static void
take_up(struct master *master)
{
    if (master->next_log != NULL) {
        log_commit(master->next_log);
        master->next_log = NULL;
        master_tell_log(master);
    }
    master_note_sockets(master);
    activation_warn(&master->sockets);
    cert_reload_watch(master);
}

static void
on_done(struct master *master, struct error *error)
{
    if (error_any(error)) {
        log_discard(master->next_log);
        master->next_log = NULL;
    } else {
        take_up(master);
    }
    end_reload(master, error);
}

/* True: the log is as it was, or can be changed. */
static bool
prepare_log(
    struct master *master, const struct config *config, struct error *error)
{
    const struct global_config *global = &config->global;

    if (is_same_log(global, &master->config->global))
        return true;
    master->next_log = log_prepare(global->log_target, global->log_path,
        global->log_format, global->log_level, error);
    return master->next_log != NULL;
}

void
master_reload(struct master *master)
{
    struct error error = { 0 };
    struct config *config;

    if (master->stopping)
        return;
    if (master_is_busy(master)) {
        master->reload_again = true;
        return;
    }
    master->hup_again = false;
    requests_begin(master, REQUEST_RELOAD);
    manager_state_reloading(master);
    listen_check(master);
    config = master->source->load(master->source->arg, &error);
    if (config != NULL && prepare_log(master, config, &error)) {
        warn_of_others(master->config, config);
        rollout_start(master, config, false, on_done);
        return;
    }
    config_unref(config);
    end_reload(master, &error);
    error_clear(&error);
}
