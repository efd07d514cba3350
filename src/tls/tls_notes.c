#include "tls/tls_notes.h"

#include <stdlib.h>
#include <string.h>

void
tls_notes_add(struct tls_notes *notes, const struct tls_note *note)
{
    struct tls_note *items =
        reallocarray(notes->items, notes->count + 1, sizeof(*items));
    struct tls_note copy = *note;

    copy.about = strdup(note->about);
    copy.text = strdup(note->text);
    notes->faulty |= note->level == TLS_NOTE_FAULT;
    if (items != NULL)
        notes->items = items;
    if (items == NULL || copy.about == NULL || copy.text == NULL) {
        notes->incomplete = notes->faulty = true;
        free(copy.about);
        free(copy.text);
        return;
    }
    items[notes->count++] = copy;
}

void
tls_notes_clear(struct tls_notes *notes)
{
    for (size_t i = 0; i < notes->count; i++) {
        free(notes->items[i].about);
        free(notes->items[i].text);
    }
    free(notes->items);
    *notes = (struct tls_notes){ 0 };
}
