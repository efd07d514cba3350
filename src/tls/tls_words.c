#include "tls/tls_words.h"

#include <stdlib.h>
#include <string.h>

#include "tls/tls_load.h"

bool
tls_words_each(const struct tls_load *load, const char *option,
    const char *list, const char *separators, tls_words_judge_fn *judge)
{
    char *copy = strdup(list), *rest = copy, *word;
    bool good = copy != NULL;

    while (good && (word = strsep(&rest, separators)) != NULL)
        good = *word == '\0' || judge(load, list, word);
    if (copy == NULL)
        tls_load_fault(load, option, "cannot be read: out of memory");
    free(copy);
    return good;
}
