#include "cli/completion_value.h"

#include <stdio.h>

#include "config/config_options.h"

static void
join_words(
    const struct option_word *known, char words[COMPLETION_WORDS_SIZE])
{
    size_t used = 0;

    for (; known->word != NULL && used < COMPLETION_WORDS_SIZE; known++)
        used += (size_t)snprintf(words + used, COMPLETION_WORDS_SIZE - used,
            "%s%s", used > 0 ? " " : "", known->word);
}

enum completion_value
completion_value_of(
    const struct option *option, char words[COMPLETION_WORDS_SIZE])
{
    *words = '\0';
    switch (option->type) {
    case OPTION_BOOL:
        snprintf(words, COMPLETION_WORDS_SIZE, "yes no");
        return COMPLETION_WORDS;
    case OPTION_WORD:
        join_words(option->words, words);
        return COMPLETION_WORDS;
    case OPTION_LOG:
        snprintf(words, COMPLETION_WORDS_SIZE, "stderr syslog journal");
        return COMPLETION_WORDS;
    case OPTION_PATH:
    case OPTION_PATHS:
    case OPTION_TRUST:
        return COMPLETION_FILES;
    default:
        return COMPLETION_NONE;
    }
}
