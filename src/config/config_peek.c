#include "config/config_peek.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/config.h"
#include "config/config_fault.h"
#include "config/config_file.h"
#include "config/config_options.h"
#include "config/config_place.h"
#include "config/config_read.h"
#include "config/config_type.h"
#include "files/files.h"

/* The first one counts: a second is a fault, and not among the items. */
static const char *
find_value(const struct config_source *source, const struct option *option)
{
    for (size_t i = 0; i < source->count; i++) {
        const struct section *section = &source->sections[i];

        for (size_t j = 0; j < section->count; j++)
            if (section->items[j].option == option)
                return section->items[j].value;
    }
    return NULL;
}

static void
read_control(struct global_config *global, const struct option *option,
    const struct source_file *file, const char *directory)
{
    struct config_source source = { 0 };
    struct error ignored = { 0 };
    struct fault fault;
    const char *value;

    config_read(&source, file, &ignored);
    value = find_value(&source, option);
    /* False: the default stays. */
    if (value != NULL)
        (void)!config_type_parse(
            option, value, directory, NULL, global, &fault);
    config_read_free(&source);
    error_clear(&ignored);
}

static bool
add_service_names(const struct source_file *file, struct strings *names)
{
    struct config_source source = { 0 };
    struct error ignored = { 0 };
    bool added = true;

    config_read(&source, file, &ignored);
    for (size_t i = 0; i < source.count && added; i++)
        if (source.sections[i].kind == SECTION_SERVICE)
            added = strings_add(names, source.sections[i].name,
                strlen(source.sections[i].name));
    config_read_free(&source);
    error_clear(&ignored);
    return added;
}

bool
config_peek_services(const char *path, struct strings *names)
{
    struct source_file file = { .name = path };
    struct fault fault;
    struct file_content content;
    bool added;

    if (!config_file_read(NULL, path, &content, &fault))
        return true;
    file.text = content.text;
    file.length = content.length;
    added = add_service_names(&file, names);
    files_release(&content);
    return added;
}

char *
config_peek_control(const char *path)
{
    const struct option *option = config_option_find(OPTION_GLOBAL, "control");
    struct global_config global = { .control = strdup(option->value) };
    struct source_file file = { .name = path };
    struct fault fault;
    char *directory = config_place_directory(NULL, path);
    struct file_content content;

    if (config_file_read(NULL, path, &content, &fault)) {
        file.text = content.text;
        file.length = content.length;
        if (global.control != NULL)
            read_control(&global, option, &file, directory);
        files_release(&content);
    }
    free(directory);
    return global.control;
}
