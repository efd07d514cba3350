#include <stdbool.h>

#include "base/error.h"
#include "cli/command.h"
#include "config/config.h"
#include "config/config_load.h"
#include "files/files.h"
#include "master/master.h"

static struct config *
load_config_file(void *arg, struct error *error)
{
    const char *const *file = arg;
    struct files *files = files_on_disk();
    struct config *config = NULL;

    if (files != NULL)
        config = config_load_file_keeping(files, *file, error);
    return command_keep(files, config, error);
}

/* sallyport run [-c FILE] */
int
command_run(int count, char *const *arguments)
{
    const char *file = command_file("run", count, arguments);
    const struct config_source source = {
        .load = load_config_file,
        .arg = &file,
        .path = file,
    };
    bool loaded;

    return file != NULL ? master_run(&source, &loaded) : EXIT_USAGE;
}
