#include "config/config_load.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/config.h"
#include "config/config_arguments.h"
#include "config/config_build.h"
#include "config/config_fault.h"
#include "config/config_file.h"
#include "config/config_options.h"
#include "config/config_place.h"
#include "config/config_read.h"
#include "files/files.h"

/* Under which the words to begin with are kept. */
#define START_FILE "file"
#define START_ARGUMENTS "arguments"

/* What loading needs until the configuration is made. */
struct loader {
    struct config *config;
    struct config_source source;
    struct strings directories;     /* that sections' paths start from */
    struct error *error;
    size_t faults_before;
    struct config_build build;
};

struct config_loading {
    struct loader loader;
};

static size_t
count_faults(const struct error *error)
{
    return error->count + error->dropped;
}

static bool
start_loader(struct loader *loader, struct files *files, struct error *error)
{
    *loader = (struct loader){
        .config = config_new(), .error = error,
        .faults_before = count_faults(error),
    };
    if (loader->config != NULL)
        loader->config->files = files_ref(files);
    else
        error_no_memory(error);
    return loader->config != NULL;
}

/* Frees all but the configuration. */
static void
free_loader(struct loader *loader)
{
    config_build_end(&loader->build);
    config_read_free(&loader->source);
    strings_clear(&loader->directories);
}

/* The configuration, if there was no fault.  Frees all else. */
static struct config *
take_config(struct loader *loader)
{
    struct config *config = loader->config;

    error_sort(loader->error);
    if (count_faults(loader->error) > loader->faults_before) {
        config_unref(config);
        config = NULL;
    }
    free_loader(loader);
    return config;
}

/* Everything has been read. */
static void
begin_build(struct loader *loader)
{
    config_build_begin(
        &loader->build, loader->config, &loader->source, loader->error);
}

static struct config *
finish_loader(struct loader *loader)
{
    begin_build(loader);
    while (config_build_step(&loader->build))
        continue;
    return take_config(loader);
}

/* A copy that lives as long as the configuration; NULL: no memory. */
static const char *
keep_name(struct loader *loader, const char *name)
{
    struct strings *names = &loader->config->file_names;

    if (strings_add(names, name, strlen(name)))
        return names->items[names->count - 1];
    error_no_memory(loader->error);
    return NULL;
}

/* Takes `found`.  NULL: unknown, which leaves relative paths as they are. */
static const char *
keep_directory(struct loader *loader, char *found)
{
    struct strings *kept = &loader->directories;
    const char *directory = NULL;

    if (found != NULL && strings_add(kept, found, strlen(found)))
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
    struct file_content content;
    struct fault fault;

    if (file.name == NULL)
        return;
    file.number = (unsigned)loader->config->file_names.count;
    if (!config_file_read(loader->config->files, path, &content, &fault)) {
        if (from != NULL)
            config_fault_report(loader->error, &from->origin, "global",
                "include", &fault);
        else
            error_add(loader->error, "%s", fault.text);
        return;
    }
    file.text = content.text;
    file.length = content.length;
    file.directory = keep_directory(
        loader, config_place_directory(loader->config->files, path));
    config_read(&loader->source, &file, loader->error);
    files_release(&content);
}

static void
load_include(struct loader *loader, const char *directory,
    const struct assignment *from)
{
    struct strings paths = { 0 };
    struct fault fault;

    if (!config_file_glob(loader->config->files, &paths, from->value,
        directory, &fault))
        config_fault_report(
            loader->error, &from->origin, "global", "include", &fault);
    for (size_t i = 0; i < paths.count; i++)
        load_one(loader, paths.items[i], from);
    strings_clear(&paths);
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

/* False: nothing has been begun, as `error` says. */
static bool
read_config_file(struct loader *loader, struct files *files, const char *path,
    struct error *error)
{
    if (!start_loader(loader, files, error))
        return false;
    loader->config->path = strdup(path);
    if (loader->config->path == NULL)
        error_no_memory(error);
    load_one(loader, path, NULL);
    load_includes(loader);
    return true;
}

static struct config *
load_file(struct files *files, const char *path, struct error *error)
{
    struct loader loader;

    return read_config_file(&loader, files, path, error)
        ? finish_loader(&loader)
        : NULL;
}

/* The same as read_config_file(). */
static bool
read_arguments(struct loader *loader, struct files *files, int count,
    char *const *arguments, struct error *error)
{
    struct origin origin = { 0 };
    const char *here;

    if (!start_loader(loader, files, error))
        return false;
    here = keep_directory(loader, files_directory(files, "."));
    origin.file = keep_name(loader, "command line");
    origin.number = 1;
    if (origin.file != NULL)
        config_arguments_read(&loader->source, count, arguments, &origin, here,
            error);
    return true;
}

static struct config *
load_arguments(struct files *files, int count, char *const *arguments,
    struct error *error)
{
    struct loader loader;

    return read_arguments(&loader, files, count, arguments, error)
        ? finish_loader(&loader)
        : NULL;
}

struct config *
config_load_file(const char *path, struct error *error)
{
    return load_file(NULL, path, error);
}

struct config *
config_load_arguments(int count, char *const *arguments, struct error *error)
{
    return load_arguments(NULL, count, arguments, error);
}

static bool
begin_with(struct files *files, const char *name, char *const *words,
    size_t count, struct error *error)
{
    if (files_set_start(files, name, words, count))
        return true;
    error_no_memory(error);
    return false;
}

struct config *
config_load_file_keeping(struct files *files, const char *path,
    struct error *error)
{
    char *word = strdup(path);
    struct config *config = NULL;

    if (word == NULL)
        error_no_memory(error);
    else if (begin_with(files, START_FILE, &word, 1, error))
        config = load_file(files, path, error);
    free(word);
    return config;
}

struct config *
config_load_arguments_keeping(struct files *files, int count,
    char *const *arguments, struct error *error)
{
    if (!begin_with(files, START_ARGUMENTS, arguments, (size_t)count, error))
        return NULL;
    return load_arguments(files, count, arguments, error);
}

/* The same as read_config_file(). */
static bool
read_again(struct loader *loader, struct files *files, struct error *error)
{
    struct strings words = { 0 };
    bool begun = false;

    if (files_start(files, START_FILE, &words) && words.count == 1) {
        begun = read_config_file(loader, files, words.items[0], error);
    } else if (files_start(files, START_ARGUMENTS, &words)
        && words.count <= INT_MAX) {
        begun = read_arguments(
            loader, files, (int)words.count, words.items, error);
    } else {
        error_add(error, "the bundle names no configuration to load");
    }
    strings_clear(&words);
    return begun;
}

struct config *
config_load_again(struct files *files, struct error *error)
{
    struct loader loader;

    return read_again(&loader, files, error) ? finish_loader(&loader) : NULL;
}

struct config_loading *
config_load_begin(int fd, int secrets_fd, struct error *error)
{
    struct config_loading *loading = calloc(1, sizeof(*loading));
    struct files *files = NULL;
    bool begun;

    if (loading != NULL)
        files = files_in_bundle(fd, secrets_fd, error);
    else
        error_no_memory(error);
    begun = files != NULL && read_again(&loading->loader, files, error);
    files_unref(files);
    if (begun) {
        begin_build(&loading->loader);
        return loading;
    }
    free(loading);
    return NULL;
}

bool
config_load_step(struct config_loading *loading)
{
    return config_build_step(&loading->loader.build);
}

struct config *
config_load_finish(struct config_loading *loading)
{
    struct config *config = take_config(&loading->loader);

    free(loading);
    return config;
}

void
config_load_abandon(struct config_loading *loading)
{
    if (loading == NULL)
        return;
    free_loader(&loading->loader);
    config_unref(loading->loader.config);
    free(loading);
}

struct config *
config_load_bundle(int fd, int secrets_fd, struct error *error)
{
    struct config_loading *loading =
        config_load_begin(fd, secrets_fd, error);

    if (loading == NULL)
        return NULL;
    while (config_load_step(loading))
        continue;
    return config_load_finish(loading);
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

    if (!start_loader(&loader, NULL, error))
        return NULL;
    file.name = keep_name(&loader, name);
    file.number = 1;
    if (file.name != NULL)
        config_read(&loader.source, &file, error);
    refuse_includes(&loader);
    return finish_loader(&loader);
}
