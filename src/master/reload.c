#include "master/reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "config/config_options.h"
#include "config/config_share.h"
#include "config/config_type.h"
#include "ipc/message.h"
#include "master/child.h"
#include "master/config_source.h"
#include "master/credential_check.h"
#include "master/generation.h"
#include "master/rollout.h"
#include "master/ticket_secret.h"
#include "net/listen_table.h"
#include "relay/plan.h"

void
reload_send_log(const struct children *children, const struct config *config)
{
    const struct message_log fixed = {
        .dress = log_dress(),
        .format = config->global.log_format,
        .level = config->global.log_level,
    };
    struct child *each;

    LIST_FOREACH(each, &children->list, link)
        if (each->role != ROLE_TRIAL)
            child_send(each, MESSAGE_LOG, &fixed, NULL, 0, -1);
}

static void
log_listener(const struct listen_socket *held,
    const struct service_config *service, bool tls)
{
    char servers[PLAN_SERVERS_SIZE];

    log_info(service->name, "listening on %s%s, connecting to %s",
        held->socket.text, tls ? " with TLS" : "",
        plan_servers(service, servers));
}

/* Services may share the address. */
static void
log_socket(const struct listen_socket *held, const struct config *config)
{
    const struct socket_use *use = &held->now;
    const struct listen_group *group =
        config_share_group(config, use->service, use->endpoint);

    if (group == NULL)
        log_listener(held, &config->services[use->service], use->tls);
    for (size_t i = 0; group != NULL && i < group->count; i++) {
        const struct listen_member *member = &group->members[i];
        const struct service_config *service =
            &config->services[member->service];

        log_listener(
            held, service, service->listen.items[member->endpoint].tls);
    }
}

void
reload_log_sockets(struct listen_table *sockets, const struct config *config)
{
    for (size_t i = 0; i < sockets->count; i++) {
        struct listen_socket *held = &sockets->items[i];

        if (held->noted || !held->serves)
            continue;
        held->noted = true;
        if (held->socket.index == 0)
            log_socket(held, config);
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
option_value(const struct option *option, const struct global_config *global)
{
    return config_type_count(option, global) > 0
        ? config_type_format(option, global, 0)
        : strdup("nothing");
}

/* Warns of changed options that only a start looks at. */
static void
warn_of_fixed(const struct config *before, const struct config *now)
{
    for (size_t i = 0; i < config_option_count(); i++) {
        const struct option *option = config_option_at(i);
        char *old, *new;

        if (option->scope != OPTION_GLOBAL ||
            (option->flags & OPTION_RELOADS) != 0)
            continue;
        old = option_value(option, &before->global);
        new = option_value(option, &now->global);
        if (old != NULL && new != NULL && strcmp(old, new) != 0)
            log_warn(NULL, "[global] %s has changed from %s to %s, which "
                "takes a restart or an upgrade", option->name, old, new);
        free(old);
        free(new);
    }
}

static void
note_result(struct reload *reload, const struct error *error)
{
    bool failed = error_any(error);
    const char *fault = error_first(error);

    reload->state = failed ? RELOAD_FAILED : RELOAD_DONE;
    reload->ended_s = time(NULL);
    if (!failed && reload->warnings.count > 0)
        snprintf(reload->text, sizeof(reload->text), "in force, with %zu "
            "warning%s: %s", reload->warnings.count,
            reload->warnings.count == 1 ? "" : "s",
            reload->warnings.messages[0]);
    else
        snprintf(reload->text, sizeof(reload->text), "%s",
            failed ? fault : "in force");
    for (size_t i = 0; i < error->count; i++)
        log_error(NULL, "reload failed: %s", error->messages[i]);
    if (!failed)
        log_info(NULL, "reloaded: generation %llu",
            (unsigned long long)reload->parts.generations->current.number);
}

static void
end_reload(struct reload *reload, const struct error *error)
{
    note_result(reload, error);
    reload->parts.done(reload->parts.arg, error);
}

void
reload_clear(struct reload *reload)
{
    if (reload->next_log != NULL)
        log_discard(reload->next_log);
    reload->next_log = NULL;
    error_clear(&reload->warnings);
}

static void
take_up_log(struct reload *reload)
{
    if (reload->next_log == NULL)
        return;
    log_commit(reload->next_log);
    reload->next_log = NULL;
    reload_send_log(reload->parts.children,
        reload->parts.generations->current.config);
}

static void
note_warning(struct reload *reload, const char *text)
{
    error_add(&reload->warnings, "%s", text);
}

/* log_hear_fn */
static bool
hear_warning(void *arg, const struct log_warning *warning)
{
    char line[LOG_WARNING_SIZE];

    note_warning(arg, log_warning_line(warning, line));
    return true;
}

static void
on_rollout_done(void *arg, struct error *error)
{
    struct reload *reload = arg;
    const struct error *tried = &reload->parts.rollout->warnings;

    for (size_t i = 0; i < tried->count; i++)
        note_warning(reload, tried->messages[i]);
    if (error_any(error)) {
        reload_clear(reload);
    } else {
        take_up_log(reload);
        ticket_secret_commit(reload->parts.tickets, &reload->next_tickets);
    }
    explicit_bzero(&reload->next_tickets, sizeof(reload->next_tickets));
    end_reload(reload, error);
}

/* True: the log is as it was, or can be changed. */
static bool
prepare_log(struct reload *reload, const struct config *config,
    struct error *error)
{
    const struct global_config *global = &config->global;
    const struct config *current = reload->parts.generations->current.config;

    if (is_same_log(global, &current->global))
        return true;
    reload->next_log = log_prepare(global->log_target, global->log_path,
        global->log_format, global->log_level, error);
    return reload->next_log != NULL;
}

void
reload_answer(const struct reload *reload, char *text, size_t size)
{
    size_t length = (size_t)snprintf(text, size, "reloaded\n");

    for (size_t i = 0; i < reload->warnings.count && length < size; i++)
        length += (size_t)snprintf(text + length, size - length,
            "warning: %s\n", reload->warnings.messages[i]);
}

void
reload_begin(struct reload *reload)
{
    const struct reload_parts *parts = &reload->parts;
    struct error error = { 0 };
    struct config *config;

    error_clear(&reload->warnings);
    log_tap_warnings(hear_warning, reload);
    config = config_source_load(parts->source, &error);
    if (config != NULL &&
        ticket_secret_prepare(
            parts->tickets, config, &reload->next_tickets, &error) &&
        prepare_log(reload, config, &error)) {
        warn_of_fixed(parts->generations->current.config, config);
        credential_check(config);
        log_tap_warnings(NULL, NULL);
        rollout_start(
            parts->rollout, config, false, on_rollout_done, reload);
        return;
    }
    log_tap_warnings(NULL, NULL);
    config_unref(config);
    end_reload(reload, &error);
    error_clear(&error);
}
