#include "net/loop_memory.h"

#include <event2/event.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

/* Blocks up to this are kept together; larger ones go to malloc(3). */
enum { SMALL_BYTES = 48, SLAB_BLOCKS = 256 };

/* In front of each block: where it belongs.  Blocks that were freed are linked
 * through it; the memory of slabs is never given back, only used again. */
union header {
    struct {
        size_t size; /* of a large block; 0: small */
        union header *next_free;
    };
    max_align_t align;
};

struct small {
    union header header;
    unsigned char bytes[SMALL_BYTES];
};

/* One for the process, as libevent's own hooks are. */
static union header *free_small;

static bool
add_slab(void)
{
    struct small *slab = calloc(SLAB_BLOCKS, sizeof(*slab));

    for (size_t i = 0; slab != NULL && i < SLAB_BLOCKS; i++) {
        slab[i].header.next_free = free_small;
        free_small = &slab[i].header;
    }
    return slab != NULL;
}

static void *
take_small(void)
{
    union header *header;

    if (free_small == NULL && !add_slab())
        return NULL;
    header = free_small;
    free_small = header->next_free;
    header->size = 0;
    return header + 1;
}

static void *
allocate_block(size_t size)
{
    union header *header;

    if (size <= SMALL_BYTES)
        return take_small();
    if (size > SIZE_MAX - sizeof(*header))
        return NULL;
    header = malloc(sizeof(*header) + size);
    if (header == NULL)
        return NULL;
    header->size = size;
    return header + 1;
}

static void
release_block(void *block)
{
    union header *header = block;

    if (block == NULL)
        return;
    header--;
    if (header->size > 0) {
        free(header);
        return;
    }
    header->next_free = free_small;
    free_small = header;
}

static void *
reallocate_block(void *block, size_t size)
{
    const union header *header = block;
    size_t old;
    void *moved;

    if (block == NULL)
        return allocate_block(size);
    old = header[-1].size > 0 ? header[-1].size : SMALL_BYTES;
    if (size <= old && header[-1].size == 0)
        return block;
    moved = allocate_block(size);
    if (moved == NULL)
        return NULL;
    memcpy(moved, block, old < size ? old : size);
    release_block(block);
    return moved;
}

void
loop_memory_install(void)
{
    event_set_mem_functions(allocate_block, reallocate_block, release_block);
}
