#include "base/strings.h"

#include <stdlib.h>
#include <string.h>

bool
strings_add(struct strings *strings, const char *text, size_t length)
{
    char **grown, *copy = strndup(text, length);

    if (copy == NULL)
        return false;
    grown = reallocarray(strings->items, strings->count + 1, sizeof(*grown));
    if (grown == NULL) {
        free(copy);
        return false;
    }
    strings->items = grown;
    strings->items[strings->count++] = copy;
    return true;
}

void
strings_clear(struct strings *strings)
{
    for (size_t i = 0; i < strings->count; i++)
        free(strings->items[i]);
    free(strings->items);
    *strings = (struct strings){ 0 };
}
