/*
 * Scripts that have a shell complete the words behind `sallyport`, made of the
 * tables of commands, flags and options.  A new row is in them when they are made
 * again (scripts/make-reference).
 */
#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H

#include <stdio.h>

void completion_bash(FILE *out);
void completion_zsh(FILE *out);

#endif
