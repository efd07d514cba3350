/*
 * A client's first bytes: in one piece or byte by byte, the verdict is the same,
 * and the size that is refused is one above the limit.
 */
#include <stdlib.h>

#include "tls/tls_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tls_hello whole = { 0 }, pieces = { 0 };
    bool good = tls_hello_look(&whole, data, size), each = true;

    for (size_t i = 0; i < size && each; i++)
        each = tls_hello_look(&pieces, data + i, 1);
    if (good != each || tls_hello_bytes(&whole) != tls_hello_bytes(&pieces))
        abort();
    if (!good && tls_hello_bytes(&whole) <= TLS_HELLO_BYTES_MAX)
        abort();
    (void)tls_hello_is_retry(data, size);
    return 0;
}
