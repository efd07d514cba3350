/* The command line of `sallyport tunnel`: one word for each line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/config.h"
#include "config/config_load.h"

#define WORDS_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size), *rest = text, *word;
    char *words[WORDS_MAX];
    struct error error = { 0 };
    struct config *config;
    int count = 0;

    if (text == NULL)
        return 0;
    while (count < WORDS_MAX && (word = strsep(&rest, "\n")) != NULL)
        words[count++] = word;
    config = config_load_arguments(count, words, &error);
    if ((config == NULL) != error_any(&error))
        abort();
    config_unref(config);
    error_clear(&error);
    free(text);
    return 0;
}
