#include <stdio.h>

#include "cli/ask.h"
#include "cli/command.h"

/* sallyport upgrade [-c FILE | -s SOCKET]: the daemon hands over to the binary
 * that is now on disk. */
int
command_upgrade(int count, char *const *arguments)
{
    struct ask ask;

    if (!ask_parse(&ask, count, arguments) || ask.operand != NULL ||
        ask.json) {
        fputs("usage: sallyport upgrade [-c FILE | -s SOCKET]\n", stderr);
        return EXIT_USAGE;
    }
    return ask_daemon(&ask, "upgrade", SECONDS(120));
}
