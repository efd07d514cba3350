#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/version_text.h"
#include "cli/ask.h"
#include "cli/command.h"

/* sallyport version [--running [-c FILE | -s SOCKET]]: of this program, or of the
 * daemon that runs. */
int
command_version(int count, char *const *arguments)
{
    bool running = count > 1 && strcmp(arguments[1], "--running") == 0;
    char text[VERSION_TEXT_SIZE];
    struct ask ask;

    if (running && ask_parse(&ask, count - 1, arguments + 1) && !ask.json &&
        ask.operand == NULL)
        return ask_daemon(&ask, VERB_VERSION);
    if (count > 1) {
        fputs("usage: sallyport version [--running [-c FILE | -s SOCKET]]\n",
            stderr);
        return EXIT_USAGE;
    }
    fputs(version_text(text), stdout);
    return EXIT_SUCCESS;
}
