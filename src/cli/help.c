#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "config/config_help.h"

static const char usage[] =
    "usage: sallyport COMMAND [ARGUMENTS]\n"
    "\n"
    "  run [-c FILE]            serve in the foreground\n"
    "  check [-c FILE]          say everything that is wrong with a "
    "configuration\n"
    "  config show [-c FILE]    every option, its value, and where it comes "
    "from\n"
    "  tunnel LISTEN CONNECT [--OPTION=VALUE ...]\n"
    "                           serve one relay without a file\n"
    "  demo                     try TLS at once: nothing to set up\n"
    "  status [-c FILE] [--json]\n"
    "                           what the daemon that runs with FILE does\n"
    "  reload [-c FILE]         have it read its files anew\n"
    "  upgrade [-c FILE]        have it hand over to the binary now on disk\n"
    "  drain [-c FILE] SERVICE  have it accept no more for a service\n"
    "  selftest sandbox         try what confined processes must not be able "
    "to do\n"
    "  help [OPTION]            this, or what an option does\n"
    "  version                  versions and features\n"
    "\n"
    "FILE is " DEFAULT_CONFIG " unless said otherwise.\n"
    "-s SOCKET in place of -c names the daemon's control socket itself.\n";

/* What is asked for goes to stdout; that there is no such thing, to stderr. */
static int
help_option(const char *option)
{
    char *text = NULL;
    size_t length;
    FILE *memory = open_memstream(&text, &length);
    bool found;

    if (memory == NULL) {
        perror("sallyport: help");
        return EXIT_FAULT;
    }
    found = config_help(option, memory);
    fclose(memory);
    if (!found)
        fputs("sallyport: ", stderr);
    fputs(text, found ? stdout : stderr);
    free(text);
    return found ? EXIT_DONE : EXIT_FAULT;
}

/* sallyport help [OPTION] */
int
command_help(int count, char *const *arguments)
{
    if (count > 2) {
        fputs("usage: sallyport help [OPTION]\n", stderr);
        return EXIT_USAGE;
    }
    if (count == 2)
        return help_option(arguments[1]);
    fputs(usage, stdout);
    fputs("\nOptions (sallyport help OPTION tells more):\n\n", stdout);
    return config_help(NULL, stdout) ? EXIT_DONE : EXIT_FAULT;
}
