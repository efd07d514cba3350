#include "cli/ask.h"
#include "cli/command.h"
#include "cli/command_line.h"

/* sallyport VERB [-c FILE | -s SOCKET] and what the verb's row allows */
int
command_verb(const struct command_line *line)
{
    const struct ask ask = {
        .file = line->file,
        .socket = line->socket,
        .operand = line->operand_count > 0 ? line->operands[0] : NULL,
        .json = command_line_has(line, FLAG_JSON),
    };

    return ask_daemon(&ask, line->command->verb);
}
