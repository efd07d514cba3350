#include "sandbox/account_check.h"

#include <sys/types.h>

#include <stdio.h>

#include "base/error.h"
#include "config/config.h"
#include "config/config_fault.h"
#include "config/config_options.h"
#include "net/listener_rights.h"
#include "sandbox/privileges.h"

enum { TITLE_SIZE = 256 };

/* An option that names an account was written somewhere: by default none
 * does. */
static void
add_fault_at(const struct origin *origin, const char *section, const char *key,
    struct error *error, const char *kind, const char *name)
{
    config_fault_add(error, origin, section, key, "there is no %s \"%s\" on "
        "this machine; name one that there is, or add it", kind, name);
}

static void
check_user(const struct global_config *global, const char *key,
    const char *user, struct error *error)
{
    const struct origin *origin =
        config_option_origin(global->origins, OPTION_GLOBAL, key);

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
    if (global->group != NULL && !account_group_exists(global->group))
        add_fault_at(
            config_option_origin(global->origins, OPTION_GLOBAL, "group"),
            "global", "group", error, "group", global->group);
}

static void
add_service_fault(const struct service_config *service, const char *key,
    struct error *error, const char *kind, const char *name)
{
    char title[TITLE_SIZE];

    snprintf(title, sizeof(title), "service %s", service->name);
    add_fault_at(
        config_option_origin(service->origins, OPTION_SERVICE, key), title, key,
        error, kind, name);
}

static void
check_socket_rights(const struct service_config *service, struct error *error)
{
    const struct leg_config *leg = &service->listen_leg;
    uid_t uid;
    gid_t gid;

    if (leg->owner != NULL &&
        !listener_rights_find_owner(leg->owner, &uid, &gid))
        add_service_fault(service, "listen.owner", error, "account", leg->owner);
    if (leg->group != NULL && !listener_rights_find_group(leg->group, &gid))
        add_service_fault(service, "listen.group", error, "group", leg->group);
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
        check_socket_rights(&config->services[i], error);
}
