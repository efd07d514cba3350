#include "tls/tls_notes.h"

#include <stdlib.h>
#include <string.h>

void
tls_notes_add(
    struct tls_notes *notes, bool fault, const char *option, const char *text)
{
    struct tls_note *items =
        reallocarray(notes->items, notes->count + 1, sizeof(*items));
    char *copy = strdup(text);

    notes->faulty |= fault;
    if (items != NULL)
        notes->items = items;
    if (items == NULL || copy == NULL) {
        notes->incomplete = notes->faulty = true;
        free(copy);
        return;
    }
    items[notes->count++] = (struct tls_note){ fault, option, copy };
}

void
tls_notes_clear(struct tls_notes *notes)
{
    for (size_t i = 0; i < notes->count; i++)
        free(notes->items[i].text);
    free(notes->items);
    *notes = (struct tls_notes){ 0 };
}
