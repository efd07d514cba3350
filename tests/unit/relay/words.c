#include "words.h"

#include <string.h>

/* The word of that number, in digits of the alphabet. */
static void
words_spell(const struct words *words, size_t number, size_t length,
    char word[WORD_MOST + 1])
{
    size_t letters = strlen(words->alphabet);

    memset(word, 0, WORD_MOST + 1);
    for (size_t i = 0; i < length; i++, number /= letters)
        word[i] = words->alphabet[number % letters];
}

size_t
words_run(const struct words *words)
{
    size_t letters = strlen(words->alphabet), count = 1, run = 0;
    char word[WORD_MOST + 1];

    for (size_t length = 1; length <= words->longest; length++) {
        count *= letters;
        for (size_t number = 0; number < count; number++) {
            words_spell(words, number, length, word);
            if (!words->is_possible(word))
                continue;
            words->run(word);
            run++;
        }
    }
    return run;
}
