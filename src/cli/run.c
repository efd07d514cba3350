#include "cli/command.h"
#include "config/config.h"

/* sallyport run [-c FILE] */
int
command_run(int count, char *const *arguments)
{
    int code;
    struct config *config = command_load("run", count, arguments, &code);

    if (config != NULL)
        code = command_serve(config);
    config_unref(config);
    return code;
}
