#include "config/config_dump.h"

#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "config/config.h"
#include "config/config_check.h"
#include "config/config_line.h"
#include "config/config_options.h"
#include "config/config_type.h"

#define NAME_WIDTH 26
#define VALUE_WIDTH 28
#define PLACE_SIZE 160

/* A file's name may hold anything, and a comment is still a line. */
static const char *
describe_origin(const struct origin *origin, char place[PLACE_SIZE])
{
    char name[100];

    if (origin->file == NULL)
        return strcpy(place, "default");
    escape_bytes(name, sizeof(name), origin->file, strlen(origin->file),
        ESCAPE_MESSAGE);
    if (origin->line == 0)
        snprintf(place, PLACE_SIZE, "%s", name);
    else
        snprintf(place, PLACE_SIZE, "%s%s:%u",
            origin->shared ? "[defaults] " : "", name, origin->line);
    return place;
}

/* The place follows the value, or goes before it if the line would be too long
 * to be read again. */
static void
write_value(const struct option *option, const char *value,
    const struct origin *origin, FILE *out)
{
    char place[PLACE_SIZE];
    size_t width = strlen(value) < VALUE_WIDTH ? VALUE_WIDTH : strlen(value);
    size_t length = NAME_WIDTH + 3 + width;

    describe_origin(origin, place);
    if (length + 3 + strlen(place) <= LINE_MAX_LENGTH) {
        fprintf(out, "%-*s = %-*s ; %s\n", NAME_WIDTH, option->name,
            VALUE_WIDTH, value, place);
        return;
    }
    length = strlen(option->name) + 1 + strlen(value);
    fprintf(out, "; %s%s\n%s=%s\n", place, length > LINE_MAX_LENGTH
        ? " (too long for a line of a file)" : "", option->name, value);
}

static const struct origin *
origin_of_value(const struct option *option, const void *base,
    const struct origin *origins, size_t index)
{
    const struct origin *own = config_type_origin(option, base, index);

    return own != NULL ? own : &origins[config_option_index(option)];
}

static void
write_option_values(const struct option *option, const void *base,
    const struct origin *origins, FILE *out)
{
    size_t count = config_type_count(option, base);

    if (count == 0)
        fprintf(out, "; %s is not set\n", option->name);
    for (size_t i = 0; i < count; i++) {
        char *value = config_type_format(option, base, i);

        if (value != NULL && (option->flags & OPTION_FILE_ONLY))
            fprintf(out, "; %s = %s was read: it is all here\n",
                option->name, value);
        else if (value != NULL)
            write_value(option, value,
                origin_of_value(option, base, origins, i), out);
        free(value);
    }
}

static void
write_service(const struct service_config *service, FILE *out)
{
    char place[PLACE_SIZE];

    fprintf(out, "\n[service %s] ; %s\n", service->name,
        describe_origin(&service->origin, place));
    for (size_t i = 0; i < config_option_count(); i++) {
        const struct option *option = config_option_at(i);

        if (option->scope == OPTION_SERVICE
            && config_check_applies(option, service))
            write_option_values(option, service, service->origins, out);
    }
}

void
config_dump(const struct config *config, FILE *out)
{
    fprintf(out, "[global]\n");
    for (size_t i = 0; i < config_option_count(); i++) {
        const struct option *option = config_option_at(i);

        if (option->scope == OPTION_GLOBAL)
            write_option_values(option, &config->global, config->global.origins,
                out);
    }
    for (size_t i = 0; i < config->service_count; i++)
        write_service(&config->services[i], out);
}
