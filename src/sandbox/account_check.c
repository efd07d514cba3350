#include "sandbox/account_check.h"

#include <sys/types.h>

#include <stdio.h>

#include "base/error.h"
#include "config/config.h"
#include "config/config_fault.h"
#include "config/config_options.h"
#include "net/listener_bind.h"
#include "sandbox/privileges.h"

enum { TITLE_SIZE = 256 };

static void
add_fault_at(const struct origin *origin, const char *section, const char *key,
    struct error *error, const char *kind, const char *name)
{
    config_fault_add(error, origin, section, key, "there is no %s \"%s\" on "
        "this machine; name one that there is, or add it", kind, name);
}

static const struct origin *
written_at(const struct origin *origins, enum option_scope scope,
    const char *key, const struct origin *otherwise)
{
    const struct option *option = config_option_find(scope, key);
    const struct origin *origin = origins != NULL && option != NULL
        ? &origins[config_option_index(option)]
        : otherwise;

    return origin->file != NULL ? origin : otherwise;
}

static void
check_user(const struct global_config *global, const char *key,
    const char *user, struct error *error)
{
    static const struct origin nowhere = { 0 };
    const struct origin *origin =
        written_at(global->origins, OPTION_GLOBAL, key, &nowhere);

    if (user == NULL)
        return;
    if (!account_user_exists(user))
        add_fault_at(origin, "global", key, error, "user", user);
    else if (global->group == NULL && !account_user_has_group(user))
        config_fault_add(error, origin, "global", key, "user %s has no entry "
            "among the system's users, so `group` must be set too", user);
}

static void
check_group(const struct global_config *global, struct error *error)
{
    static const struct origin nowhere = { 0 };

    if (global->group != NULL && !account_group_exists(global->group))
        add_fault_at(
            written_at(global->origins, OPTION_GLOBAL, "group", &nowhere),
            "global", "group", error, "group", global->group);
}

static void
check_owner(const struct service_config *service, struct error *error)
{
    const char *owner = service->listen_leg.owner;
    char title[TITLE_SIZE];
    uid_t uid;
    gid_t gid;

    if (owner == NULL || listener_find_owner(owner, &uid, &gid))
        return;
    snprintf(title, sizeof(title), "service %s", service->name);
    add_fault_at(written_at(service->origins, OPTION_SERVICE, "listen.owner",
        &service->origin), title, "listen.owner", error, "account", owner);
}

void
account_check(const struct config *config, struct error *error)
{
    size_t i;

    check_user(&config->global, "user", config->global.user, error);
    check_group(&config->global, error);
    check_user(
        &config->global, "keeper_user", config->global.keeper_user, error);
    for (i = 0; i < config->service_count; i++)
        check_owner(&config->services[i], error);
}
