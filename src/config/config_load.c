#include "config/config_load.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "config/config.h"
#include "config/config_build.h"
#include "config/config_fault.h"
#include "config/config_file.h"
#include "config/config_options.h"
#include "config/config_read.h"
#include "config/config_words.h"

/* What loading needs until the configuration is made. */
struct loader {
    struct config *config;
    struct config_source source;
    struct strings directories;     /* that sections' paths start from */
    struct error *error;
    size_t faults_before;
};

static size_t
faults(const struct error *error)
{
    return error->count + error->dropped;
}

static bool
start(struct loader *loader, struct error *error)
{
    *loader = (struct loader){
        .config = calloc(1, sizeof(*loader->config)),
        .error = error, .faults_before = faults(error),
    };
    if (loader->config == NULL)
        error_add(error, "out of memory");
    return loader->config != NULL;
}

/* The configuration, if there was no fault.  Frees all else. */
static struct config *
finish(struct loader *loader)
{
    struct config *config = loader->config;

    if (config != NULL)
        config_build(config, &loader->source, loader->error);
    if (faults(loader->error) > loader->faults_before) {
        config_unref(config);
        config = NULL;
    }
    config_read_free(&loader->source);
    config_strings_clear(&loader->directories);
    return config;
}

/* A copy that lives as long as the configuration; NULL: no memory. */
static const char *
keep_name(struct loader *loader, const char *name)
{
    struct strings *files = &loader->config->files;

    if (config_strings_add(files, name, strlen(name)))
        return files->items[files->count - 1];
    error_add(loader->error, "out of memory");
    return NULL;
}

/* NULL: unknown, which leaves relative paths as they are. */
static const char *
keep_directory(struct loader *loader, const char *file)
{
    struct strings *kept = &loader->directories;
    const char *directory = NULL;
    char *found = config_file_directory(file);

    if (found != NULL && config_strings_add(kept, found, strlen(found)))
        directory = kept->items[kept->count - 1];
    free(found);
    return directory;
}

/* Reads one file; `from` is the include that names it, NULL for the main
 * file. */
static void
load_one(struct loader *loader, const char *path,
    const struct assignment *from)
{
    struct source_file file = {
        .name = keep_name(loader, path), .included = from != NULL,
    };
    struct fault fault;
    char *text;

    if (file.name == NULL)
        return;
    text = config_file_read(path, &file.length, &fault);
    if (text == NULL) {
        if (from != NULL)
            config_fault_add(loader->error, &from->origin, "global",
                "include", "%s", fault.text);
        else
            error_add(loader->error, "%s", fault.text);
        return;
    }
    file.text = text;
    file.directory = keep_directory(loader, path);
    config_read(&loader->source, &file, loader->error);
    free(text);
}

static void
load_include(struct loader *loader, const char *directory,
    const struct assignment *from)
{
    struct strings paths = { 0 };
    struct fault fault;

    if (!config_file_glob(&paths, from->value, directory, &fault))
        config_fault_add(loader->error, &from->origin, "global", "include",
            "%s", fault.text);
    for (size_t i = 0; i < paths.count; i++)
        load_one(loader, paths.items[i], from);
    config_strings_clear(&paths);
}

/* Reading adds sections, which may move all of them: hence the copies. */
static void
load_includes(struct loader *loader)
{
    const struct option *include =
        config_option_find(OPTION_GLOBAL, "include");
    size_t main_count = loader->source.count;

    for (size_t i = 0; i < main_count; i++) {
        struct section section = loader->source.sections[i];

        for (size_t j = 0; j < section.count; j++) {
            if (section.items[j].option == include)
                load_include(loader, section.directory, &section.items[j]);
        }
    }
}

struct config *
config_load_file(const char *path, struct error *error)
{
    struct loader loader;

    if (!start(&loader, error))
        return NULL;
    loader.config->path = strdup(path);
    if (loader.config->path == NULL)
        error_add(error, "out of memory");
    load_one(&loader, path, NULL);
    load_includes(&loader);
    return finish(&loader);
}

static void
refuse_includes(const struct loader *loader)
{
    const struct option *include =
        config_option_find(OPTION_GLOBAL, "include");

    for (size_t i = 0; i < loader->source.count; i++) {
        const struct section *section = &loader->source.sections[i];

        for (size_t j = 0; j < section->count; j++) {
            if (section->items[j].option == include)
                config_fault_add(loader->error, &section->items[j].origin,
                    section->title, "include", "this text is not a file and "
                    "cannot include one");
        }
    }
}

struct config *
config_load_text(const char *name, const char *text, size_t length,
    struct error *error)
{
    struct source_file file = { .text = text, .length = length };
    struct loader loader;

    if (!start(&loader, error))
        return NULL;
    file.name = keep_name(&loader, name);
    if (file.name != NULL)
        config_read(&loader.source, &file, error);
    refuse_includes(&loader);
    return finish(&loader);
}

struct config *
config_load_arguments(int count, char *const *arguments, struct error *error)
{
    struct origin origin = { 0 };
    struct config *config;
    struct loader loader;
    char *here;

    if (!start(&loader, error))
        return NULL;
    here = getcwd(NULL, 0);
    origin.file = keep_name(&loader, "command line");
    if (origin.file != NULL)
        config_words_read(&loader.source, count, arguments, &origin, here,
            error);
    config = finish(&loader);
    free(here);
    return config;
}
