#include "cli/completion.h"

#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/command_line.h"

/* sallyport completion SHELL */
int
command_completion(const struct command_line *line)
{
    if (strcmp(line->operands[0], "bash") == 0)
        completion_bash(stdout);
    else
        completion_zsh(stdout);
    return EXIT_SUCCESS;
}
