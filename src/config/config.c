#include "config/config.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "files/files.h"

static void
clear_endpoints(struct endpoints *endpoints)
{
    for (size_t i = 0; i < endpoints->count; i++) {
        free(endpoints->items[i].host);
        free(endpoints->items[i].path);
        free(endpoints->items[i].text);
    }
    free(endpoints->items);
    *endpoints = (struct endpoints){ 0 };
}

static void
clear_leg(struct leg_config *leg)
{
    strings_clear(&leg->cert);
    strings_clear(&leg->key);
    strings_clear(&leg->ca);
    strings_clear(&leg->crl);
    strings_clear(&leg->alpn);
    free(leg->passphrase_file);
    free(leg->ciphers);
    free(leg->ciphersuites);
    free(leg->groups);
    free(leg->sigalgs);
    free(leg->name);
    free(leg->sni);
    free(leg->owner);
    *leg = (struct leg_config){ 0 };
}

void
config_service_clear(struct service_config *service)
{
    clear_endpoints(&service->listen);
    clear_endpoints(&service->connect);
    clear_leg(&service->listen_leg);
    clear_leg(&service->connect_leg);
    free(service->name);
    free(service->origins);
    *service = (struct service_config){ 0 };
}

void
config_global_clear(struct global_config *global)
{
    strings_clear(&global->include);
    free(global->log_path);
    free(global->user);
    free(global->group);
    free(global->keeper_user);
    free(global->control);
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

void
config_unref(struct config *config)
{
    if (config == NULL || --config->references > 0)
        return;
    for (size_t i = 0; i < config->service_count; i++)
        config_service_clear(&config->services[i]);
    free(config->services);
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
