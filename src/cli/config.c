#include "config/config.h"

#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "config/config_dump.h"

/* sallyport config show [-c FILE] */
int
command_config(int count, char *const *arguments)
{
    struct config *config;
    int code;

    if (count < 2 || strcmp(arguments[1], "show") != 0) {
        fputs("usage: sallyport config show [-c FILE]\n", stderr);
        return EXIT_USAGE;
    }
    config = command_load("config show", count - 1, arguments + 1, &code);
    if (config != NULL)
        config_dump(config, stdout);
    config_unref(config);
    return code;
}
