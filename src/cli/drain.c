#include <stdio.h>
#include <string.h>

#include "admin/control_request.h"
#include "cli/ask.h"
#include "cli/command.h"

/* sallyport drain [-c FILE | -s SOCKET] SERVICE: the service accepts no more,
 * and its connections finish. */
int
command_drain(int count, char *const *arguments)
{
    struct ask ask;
    struct control_request request;
    char line[CONTROL_LINE_MAX];
    int length;

    if (!ask_parse(&ask, count, arguments) || ask.operand == NULL ||
        ask.json) {
        fputs("usage: sallyport drain [-c FILE | -s SOCKET] SERVICE\n",
            stderr);
        return EXIT_USAGE;
    }
    /* What could not be a name must not be taken for another request. */
    length = snprintf(line, sizeof(line), "drain %s\n", ask.operand);
    if (length >= (int)sizeof(line) ||
        control_request_parse(line, (size_t)length, &request) !=
            CONTROL_DONE) {
        fputs("sallyport: this is not the name of a service\n", stderr);
        return EXIT_FAULT;
    }
    line[length - 1] = '\0';
    return ask_daemon(&ask, line, SECONDS(60));
}
