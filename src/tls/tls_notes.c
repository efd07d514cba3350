#include "tls/tls_notes.h"

#include <stdlib.h>
#include <string.h>

#include "tls/tls_load.h"

struct tls_note {
    bool fault;
    const char *option;
    char *text;
};

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
tls_notes_report(const struct tls_notes *notes, const struct tls_load *load)
{
    for (size_t i = 0; i < notes->count; i++) {
        const struct tls_note *note = &notes->items[i];

        if (note->fault)
            tls_load_fault(load, note->option, "%s", note->text);
        else
            tls_load_warn(load, note->option, "%s", note->text);
    }
    if (notes->incomplete)
        tls_load_fault(load, "cert", "cannot be loaded: out of memory");
}

void
tls_notes_clear(struct tls_notes *notes)
{
    for (size_t i = 0; i < notes->count; i++)
        free(notes->items[i].text);
    free(notes->items);
    *notes = (struct tls_notes){ 0 };
}
