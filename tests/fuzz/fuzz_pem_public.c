/*
 * A file with secrets: what is left of it has no key in it, and is left of it
 * the next time as well.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "files/pem_public.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char key[] = "PRIVATE KEY";
    const char *text = (const char *)data;
    size_t length = pem_public_copy(text, size, NULL);
    char *left = malloc(length + 1), *again = malloc(length + 1);

    if (left == NULL || again == NULL || length > size
        || pem_public_copy(text, size, left) != length
        || memmem(left, length, key, sizeof(key) - 1) != NULL)
        abort();
    if (pem_public_copy(left, length, NULL) != length
        || pem_public_copy(left, length, again) != length
        || memcmp(left, again, length) != 0)
        abort();
    free(left);
    free(again);
    return 0;
}
