#include <stdbool.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/command_line.h"
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

/* sallyport run [[-c] FILE] */
int
command_run(const struct command_line *line)
{
    const char *file = line->file;
    const struct config_source source = {
        .load = load_config_file,
        .arg = &file,
        .path = file,
    };
    bool loaded;

    return master_run(&source, &loaded);
}
