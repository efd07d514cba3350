#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "config/config_dump.h"

/* sallyport config show [[-c] FILE] */
int
command_config_show(const struct command_line *line)
{
    struct config *config = command_load(line);

    if (config == NULL)
        return EXIT_FAILURE;
    config_dump(config, stdout);
    config_unref(config);
    return EXIT_SUCCESS;
}
