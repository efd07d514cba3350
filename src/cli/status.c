#include <stdio.h>

#include "cli/ask.h"
#include "cli/command.h"

/* sallyport status [-c FILE | -s SOCKET] [--json] */
int
command_status(int count, char *const *arguments)
{
    struct ask ask;

    if (!ask_parse(&ask, count, arguments) || ask.operand != NULL) {
        fputs("usage: sallyport status [-c FILE | -s SOCKET] [--json]\n",
            stderr);
        return EXIT_USAGE;
    }
    return ask_daemon(&ask, ask.json ? "status json" : "status", SECONDS(10));
}
