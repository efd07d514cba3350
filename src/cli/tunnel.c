#include <stdio.h>

#include "base/error.h"
#include "cli/command.h"
#include "config/config.h"
#include "config/config_load.h"

/* sallyport tunnel LISTEN CONNECT [--OPTION=VALUE ...] */
int
command_tunnel(int count, char *const *arguments)
{
    struct error error = { 0 };
    struct config *config;
    int code = EXIT_USAGE;

    if (count < 3) {
        fputs("usage: sallyport tunnel LISTEN CONNECT [--OPTION=VALUE ...]\n"
              "as in: sallyport tunnel 127.0.0.1:5432 tls://db.example.net:5433\n",
            stderr);
        return EXIT_USAGE;
    }
    config = config_load_arguments(count - 1, arguments + 1, &error);
    command_explain(&error);
    if (config != NULL)
        code = command_serve(config);
    config_unref(config);
    return code;
}
