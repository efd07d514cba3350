#include "tls/tls_memory.h"

#include <openssl/crypto.h>

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static void *
take_memory(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return malloc(size);
}

static void
wipe_memory(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    if (memory == NULL)
        return;
    explicit_bzero(memory, malloc_usable_size(memory));
    free(memory);
}

/* CRYPTO_realloc(3) has seen to NULL and 0, which realloc(3) leaves open. */
static void *
move_memory(void *memory, size_t size, const char *file, int line)
{
    size_t had = memory != NULL ? malloc_usable_size(memory) : 0;
    void *moved = malloc(size);

    if (moved == NULL)
        return NULL;
    if (had > 0)
        memcpy(moved, memory, had < size ? had : size);
    wipe_memory(memory, file, line);
    return moved;
}

bool
tls_memory_wipe_freed(void)
{
    return CRYPTO_set_mem_functions(
               take_memory, move_memory, wipe_memory) == 1;
}
