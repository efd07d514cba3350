/*
 * What the program says of its own commands.
 */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdio.h>

/* Every command, a line each. */
void help_list_commands(FILE *out);

#endif
