#include "files/file_cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { SLOTS_FIRST = 64 };

/* The paths are the administrator's: none are picked to collide. */
static uint32_t
hash_of(enum file_kind kind, const char *path)
{
    return hash32_text(hash32_byte(HASH32_BASIS, (uint8_t)kind), path);
}

/* Where it is, or would go.  There is always a free slot. */
static uint32_t *
find_cache_slot(const struct file_cache *table, enum file_kind kind,
    const char *path)
{
    size_t mask = table->slot_count - 1, at = hash_of(kind, path) & mask;

    for (; table->slots[at] != 0; at = (at + 1) & mask) {
        const struct file_entry *item =
            table->items[table->slots[at] - 1];

        if (item->kind == kind && strcmp(item->path, path) == 0)
            break;
    }
    return &table->slots[at];
}

struct file_entry *
file_cache_find(const struct file_cache *table, enum file_kind kind,
    const char *path)
{
    uint32_t slot;

    if (table->count == 0)
        return NULL;
    slot = *find_cache_slot(table, kind, path);
    return slot != 0 ? table->items[slot - 1] : NULL;
}

/* Makes room for one more, with half of the slots free. */
static bool
grow_cache(struct file_cache *table)
{
    size_t wanted = table->slot_count > 0 ? 2 * table->slot_count :
        SLOTS_FIRST;
    struct file_entry **items;
    uint32_t *slots;

    if (2 * (table->count + 1) <= table->slot_count)
        return true;
    items = reallocarray(table->items, wanted / 2, sizeof(*items));
    if (items == NULL)
        return false;
    table->items = items;
    slots = calloc(wanted, sizeof(*slots));
    if (slots == NULL)
        return false;
    free(table->slots);
    table->slots = slots;
    table->slot_count = wanted;
    for (size_t i = 0; i < table->count; i++)
        *find_cache_slot(table, items[i]->kind, items[i]->path) =
            (uint32_t)i + 1;
    return true;
}

bool
file_cache_add(struct file_cache *table, struct file_entry *answer)
{
    uint32_t *slot;

    if (!grow_cache(table))
        return false;
    slot = find_cache_slot(table, answer->kind, answer->path);
    if (*slot != 0) {
        file_entry_free(table->items[*slot - 1]);
        table->items[*slot - 1] = answer;
        return true;
    }
    table->items[table->count++] = answer;
    *slot = (uint32_t)table->count;
    return true;
}

void
file_cache_clear(struct file_cache *table)
{
    for (size_t i = 0; i < table->count; i++)
        file_entry_free(table->items[i]);
    free(table->items);
    free(table->slots);
    *table = (struct file_cache){ 0 };
}
