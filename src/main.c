#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "cli/command.h"

static const struct {
    const char *name;
    command_fn *run;
} commands[] = {
    { "run", command_run },
    { "check", command_check },
    { "config", command_config },
    { "tunnel", command_tunnel },
    { "demo", command_demo },
    { "version", command_version },
    { "--version", command_version },
    { "help", command_help },
    { "--help", command_help },
    { "-h", command_help },
};

int
main(int count, char **arguments)
{
    for (size_t i = 0; count > 1 && i < COUNT(commands); i++)
        if (strcmp(arguments[1], commands[i].name) == 0)
            return commands[i].run(count - 1, arguments + 1);
    if (count > 1)
        fprintf(stderr, "sallyport: there is no command \"%s\"\n",
            arguments[1]);
    fputs("sallyport: try `sallyport help`\n", stderr);
    return EXIT_USAGE;
}
