#include "config/config.h"

#include <stdlib.h>
#include <string.h>

#include "config/files.h"

bool
config_strings_add(struct strings *strings, const char *text, size_t length)
{
    char **grown, *copy = strndup(text, length);

    if (copy == NULL)
        return false;
    grown = reallocarray(strings->items, strings->count + 1, sizeof(*grown));
    if (grown == NULL) {
        free(copy);
        return false;
    }
    strings->items = grown;
    strings->items[strings->count++] = copy;
    return true;
}

void
config_strings_clear(struct strings *strings)
{
    for (size_t i = 0; i < strings->count; i++)
        free(strings->items[i]);
    free(strings->items);
    *strings = (struct strings){ 0 };
}

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
    config_strings_clear(&leg->cert);
    config_strings_clear(&leg->key);
    config_strings_clear(&leg->ca);
    config_strings_clear(&leg->crl);
    config_strings_clear(&leg->alpn);
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
    config_strings_clear(&global->include);
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

void
config_unref(struct config *config)
{
    if (config == NULL || --config->references > 0)
        return;
    for (size_t i = 0; i < config->service_count; i++)
        config_service_clear(&config->services[i]);
    free(config->services);
    config_global_clear(&config->global);
    config_strings_clear(&config->file_names);
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
