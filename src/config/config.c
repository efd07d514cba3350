#include "config/config.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_options.h"
#include "config/config_type.h"
#include "config/config_values.h"
#include "files/files.h"

static void
clear_options(enum option_scope scope, void *base)
{
    for (size_t i = 0; i < config_option_count(); i++)
        if (config_option_at(i)->scope == scope)
            config_type_clear(config_option_at(i), base);
}

void
config_service_clear(struct service_config *service)
{
    clear_options(OPTION_SERVICE, service);
    config_values_clear(service);
    free(service->name);
    free(service->origins);
    *service = (struct service_config){ 0 };
}

void
config_global_clear(struct global_config *global)
{
    clear_options(OPTION_GLOBAL, global);
    free(global->origins);
    *global = (struct global_config){ 0 };
}

struct config *
config_new(void)
{
    struct config *config = calloc(1, sizeof(*config));

    if (config != NULL)
        config->references = 1;
    return config;
}

struct config *
config_ref(struct config *config)
{
    config->references++;
    return config;
}

unsigned
config_workers(const struct config *config)
{
    unsigned count = config->global.workers;
    cpu_set_t cpus;

    if (count == 0 && sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
        count = (unsigned)CPU_COUNT(&cpus);
    if (count == 0)
        count = 1;
    return count < WORKERS_MAX ? count : WORKERS_MAX;
}

static void
clear_groups(struct config *config)
{
    for (size_t i = 0; i < config->group_count; i++)
        free(config->groups[i].members);
    free(config->groups);
}

void
config_unref(struct config *config)
{
    if (config == NULL || --config->references > 0)
        return;
    for (size_t i = 0; i < config->service_count; i++)
        config_service_clear(&config->services[i]);
    free(config->services);
    clear_groups(config);
    config_global_clear(&config->global);
    strings_clear(&config->file_names);
    files_unref(config->files);
    free(config->path);
    free(config);
}

bool
config_endpoints_have_tls(const struct endpoints *endpoints)
{
    for (size_t i = 0; i < endpoints->count; i++)
        if (endpoints->items[i].tls)
            return true;
    return false;
}

bool
config_passes_name_on(const struct service_config *service)
{
    const char *sni = service->connect_leg.sni;

    return sni != NULL && strcmp(sni, "client") == 0;
}
