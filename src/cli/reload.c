#include <stdio.h>

#include "cli/ask.h"
#include "cli/command.h"

/* sallyport reload [-c FILE | -s SOCKET]: the daemon reads its files anew; a
 * trial with a slow DNS takes its time. */
int
command_reload(int count, char *const *arguments)
{
    struct ask ask;

    if (!ask_parse(&ask, count, arguments) || ask.operand != NULL ||
        ask.json) {
        fputs("usage: sallyport reload [-c FILE | -s SOCKET]\n", stderr);
        return EXIT_USAGE;
    }
    return ask_daemon(&ask, "reload", SECONDS(60));
}
