#include "cli/command.h"

#include <stdio.h>

#include "base/error.h"
#include "cli/command_line.h"
#include "config/config.h"
#include "config/config_load.h"
#include "files/files.h"
#include "tls/tls_files.h"

int
command_refuse(const struct command_line *line, struct error *error)
{
    char synopsis[COMMAND_SYNOPSIS_SIZE];

    error_print(error);
    if (line->command != NULL)
        fprintf(stderr, "usage: sallyport %s%s\n", line->command->name,
            command_table_synopsis(line->command, synopsis));
    else
        fputs("sallyport: try `sallyport help`\n", stderr);
    return EXIT_USAGE;
}

struct config *
command_load(const struct command_line *line, struct files *files,
    struct error *error)
{
    struct config *config = NULL;

    if (files == NULL)
        error_no_memory(error);
    else
        config = config_load_file_keeping(files, line->file, error);
    files_unref(files);     /* the configuration has its own */
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
