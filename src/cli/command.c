#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "config/config_load.h"
#include "process/worker.h"

void
command_explain(struct error *error)
{
    for (size_t i = 0; i < error->count; i++)
        fprintf(stderr, "sallyport: %s\n", error->messages[i]);
    if (error->dropped > 0)
        fprintf(stderr, "sallyport: and %zu more\n", error->dropped);
    error_clear(error);
}

/* False: the words are not `[-c FILE]`. */
static bool
parse_file_option(int count, char *const *arguments, const char **file)
{
    *file = DEFAULT_CONFIG;
    if (count == 3 && strcmp(arguments[1], "-c") == 0) {
        *file = arguments[2];
        return true;
    }
    return count == 1;
}

struct config *
command_load(
    const char *words, int count, char *const *arguments, int *code)
{
    struct error error = { 0 };
    struct config *config;
    const char *file;

    if (!parse_file_option(count, arguments, &file)) {
        fprintf(stderr, "usage: sallyport %s [-c FILE]\n", words);
        *code = EXIT_USAGE;
        return NULL;
    }
    config = config_load_file(file, &error);
    command_explain(&error);
    *code = config != NULL ? EXIT_DONE : EXIT_FAULT;
    return config;
}

static bool
open_log(const struct config *config, struct error *error)
{
    const struct global_config *global = &config->global;

    return log_open(global->log_target, global->log_path, global->log_format,
        global->log_level, error);
}

int
command_serve(struct config *config)
{
    struct error error = { 0 };
    struct worker *worker =
        open_log(config, &error) ? worker_new(config, &error) : NULL;
    int code = EXIT_FAULT;

    if (worker != NULL) {
        worker_run(worker);
        code = EXIT_DONE;
    }
    command_explain(&error);
    worker_free(worker);
    log_close();
    return code;
}
