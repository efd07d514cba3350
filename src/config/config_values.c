#include "config/config_values.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_fields.h"
#include "config/config_options.h"
#include "config/config_type.h"

/* As the service has it: paths are absolute.  NULL: out of memory. */
static char *
value_as_kept(const struct service_config *service,
    const struct option *option, const char *text)
{
    size_t count = config_type_count(option, service);

    return option->type == OPTION_JOINED || count == 0
        ? strdup(text)
        : config_type_format(option, service, count - 1);
}

bool
config_values_note(struct service_config *service,
    const struct option *option, const char *text, const struct origin *origin)
{
    struct value_origin *grown = reallocarray(
        service->values, service->value_count + 1, sizeof(*grown));
    char *value = value_as_kept(service, option, text);

    if (grown != NULL)
        service->values = grown;
    if (grown == NULL || value == NULL) {
        free(value);
        return false;
    }
    grown[service->value_count++] =
        (struct value_origin){ option, value, *origin };
    return true;
}

/* Between two ':', or all of the list. */
static bool
has_word(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = list; at != NULL; at = strchr(at, ':')) {
        at += at > list;
        if (strncmp(at, word, length) == 0 &&
            (at[length] == '\0' || at[length] == ':'))
            return true;
    }
    return false;
}

static bool
is_about(const struct value_origin *value, const char *about)
{
    size_t length = strlen(value->text);

    if (value->option->type == OPTION_JOINED)
        return has_word(value->text, about);
    return strncmp(value->text, about, length) == 0 &&
        (about[length] == '\0' || about[length] == '/');
}

const struct origin *
config_values_origin(const struct service_config *service, const char *name,
    const char *about)
{
    const struct option *option = config_option_find(OPTION_SERVICE, name);

    for (size_t i = 0; i < service->value_count; i++)
        if (service->values[i].option == option &&
            is_about(&service->values[i], about))
            return &service->values[i].origin;
    return config_option_origin(service->origins, OPTION_SERVICE, name);
}

static bool
has_value(const struct service_config *service, const struct option *option,
    const char *value)
{
    char *text = config_type_count(option, service) > 0
        ? config_type_format(option, service, 0) : NULL;
    bool same = text != NULL && strcmp(text, value) == 0;

    free(text);
    return same;
}

const struct origin *
config_values_find(const struct service_config *service, const char *value,
    const struct option **option)
{
    for (size_t i = 0; i < service->value_count; i++) {
        *option = service->values[i].option;
        if (strcmp(service->values[i].text, value) == 0)
            return &service->values[i].origin;
    }
    for (size_t i = 0; i < config_option_count(); i++) {
        *option = config_option_at(i);
        if ((*option)->scope == OPTION_SERVICE &&
            ((*option)->flags & OPTION_LIST) == 0 &&
            has_value(service, *option, value))
            return config_option_origin(
                service->origins, OPTION_SERVICE, (*option)->name);
    }
    return NULL;
}

void
config_values_clear(struct service_config *service)
{
    for (size_t i = 0; i < service->value_count; i++)
        free(service->values[i].text);
    free(service->values);
    service->values = NULL;
    service->value_count = 0;
}
