#include <stdio.h>
#include <stdlib.h>

#include "admin/version_text.h"
#include "base/error.h"
#include "cli/ask.h"
#include "cli/command.h"
#include "cli/command_line.h"

/* sallyport version [--running [-c FILE | -s SOCKET]]: of this program, or of the
 * daemon that runs. */
int
command_version(const struct command_line *line)
{
    const struct ask ask = { .file = line->file, .socket = line->socket };
    char text[VERSION_TEXT_SIZE];
    struct error error = { 0 };

    if (command_line_has(line, FLAG_RUNNING))
        return ask_daemon(&ask, VERB_VERSION);
    if (command_line_has(line, FLAG_CONFIG) ||
        command_line_has(line, FLAG_SOCKET)) {
        error_add(&error, "-c and -s name the daemon that --running asks");
        return command_refuse(line, &error);
    }
    fputs(version_text(text), stdout);
    return EXIT_SUCCESS;
}
