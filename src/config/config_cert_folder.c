#include "config/config_cert_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "config/config.h"
#include "files/files.h"

static bool
lists_name(const struct strings *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i], name) == 0)
            return true;
    return false;
}

static bool
is_secret(struct files *files, const char *directory)
{
    struct strings names = { 0 };
    bool found = files_list(files, directory, &names) &&
        lists_name(&names, "tls.crt") && lists_name(&names, "ca.crt");

    strings_clear(&names);
    return found;
}

static bool
add_ca(struct strings *ca, const char *directory)
{
    size_t length = strlen(directory);
    char *path;
    bool added;

    while (length > 1 && directory[length - 1] == '/')
        length--;
    if (asprintf(&path, "%.*s/ca.crt", (int)length, directory) < 0)
        return false;
    added = strings_add(ca, path, strlen(path));
    free(path);
    return added;
}

bool
config_cert_folder_take_ca(struct service_config *service)
{
    struct leg_config *leg = &service->listen_leg;
    struct strings ca = { 0 };
    bool good = true;

    if (leg->verify == VERIFY_NONE || leg->ca.count > 0)
        return true;
    for (size_t i = 0; good && i < leg->cert.count; i++)
        if (is_secret(service->config->files, leg->cert.items[i]))
            good = add_ca(&ca, leg->cert.items[i]);
    leg->ca = ca;
    return good;
}
