/*
 * What may stand behind the '=' of an option, as far as a shell can complete it.
 */
#ifndef CLI_COMPLETION_VALUE_H
#define CLI_COMPLETION_VALUE_H

#include "base/base.h"

struct option;

enum completion_value {
    COMPLETION_NONE,
    COMPLETION_FILES,
    COMPLETION_WORDS,
};

/* With COMPLETION_WORDS `words` has them, with blanks between. */
enum { COMPLETION_WORDS_SIZE = 128 };
enum completion_value completion_value_of(
    const struct option *option, char words[COMPLETION_WORDS_SIZE]);

#endif
