/*
 * What a word of the command line may have meant that is not understood.
 *
 * The functions fill `text`, with "; " in front so that it can end a message, and
 * return it; it is "" where nothing is near.
 */
#ifndef CLI_COMMAND_ADVICE_H
#define CLI_COMMAND_ADVICE_H

#include <stdbool.h>

#include "base/base.h"

struct command;

enum { COMMAND_ADVICE_SIZE = 256 };

/* For a word that stands where a command should. */
const char *command_advice_command(
    const char *word, char text[COMMAND_ADVICE_SIZE]);

/* For a word that begins with '-'. */
const char *command_advice_flag(
    const char *word, char text[COMMAND_ADVICE_SIZE]);

/* For a word behind a command that knows others; and for one too many. */
const char *command_advice_operand(const struct command *command,
    const char *word, char text[COMMAND_ADVICE_SIZE]);
const char *command_advice_extra(const struct command *command,
    const char *word, char text[COMMAND_ADVICE_SIZE]);

/* For a command that lacks its word: those that it knows, or for one that needs a
 * SERVICE those of the configuration `file` (NULL: it is not known). */
const char *command_advice_missing(const struct command *command,
    const char *file, char text[COMMAND_ADVICE_SIZE]);

/* Whether the word is among those that the command knows; true as well if it
 * takes any. */
bool command_advice_knows(const struct command *command, const char *word);

#endif
