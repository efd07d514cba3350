#include "cli/command.h"
int command_demo(int count, char *const *arguments) { (void)count; (void)arguments; return EXIT_FAULT; }
