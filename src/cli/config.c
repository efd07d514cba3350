#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "cli/command.h"
#include "config/config_dump.h"
#include "files/files.h"

/* sallyport config show [[-c] FILE] */
int
command_config_show(const struct command_line *line)
{
    struct error error = { 0 };
    struct config *config = command_load(line, files_on_disk(), &error);

    error_print(&error);
    if (config == NULL)
        return EXIT_FAILURE;
    config_dump(config, stdout);
    config_unref(config);
    return EXIT_SUCCESS;
}
