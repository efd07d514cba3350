#include "cli/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/config.h"
#include "config/config_load.h"
#include "files/files.h"
#include "tls/tls_files.h"

const char *
command_file(const char *words, int count, char *const *arguments)
{
    if (count == 1)
        return DEFAULT_CONFIG;
    if (count == 3 && strcmp(arguments[1], "-c") == 0)
        return arguments[2];
    fprintf(stderr, "usage: sallyport %s [-c FILE]\n", words);
    return NULL;
}

struct config *
command_load(
    const char *words, int count, char *const *arguments, int *code)
{
    const char *file = command_file(words, count, arguments);
    struct files *files = file != NULL ? files_on_disk() : NULL;
    struct error error = { 0 };
    struct config *config = NULL;

    if (file == NULL) {
        *code = EXIT_USAGE;
        return NULL;
    }
    if (files == NULL)
        error_no_memory(&error);
    else
        config = config_load_file_keeping(files, file, &error);
    files_unref(files);     /* the configuration has its own */
    error_print(&error);
    *code = config != NULL ? EXIT_SUCCESS : EXIT_FAILURE;
    return config;
}

struct config *
command_keep(
    struct files *files, struct config *config, struct error *error)
{
    if (files == NULL)
        error_no_memory(error);
    if (config != NULL)
        tls_files_gather(config);
    files_unref(files);
    return config;
}

struct config *
command_load_words(void *arg, struct error *error)
{
    const struct command_words *words = arg;
    struct files *files = files_on_disk();
    struct config *config = NULL;

    if (files != NULL)
        config = config_load_arguments_keeping(
            files, words->count, words->items, error);
    return command_keep(files, config, error);
}
