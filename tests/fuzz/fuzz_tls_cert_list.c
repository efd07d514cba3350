/*
 * A Certificate message of either version: no more certificates are counted than
 * there is room for.
 */
#include <stdlib.h>

#include "tls/tls_cert_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (tls_cert_list_count(data, size, false) > size / 3 ||
        tls_cert_list_count(data, size, true) > size / 5)
        abort();
    return 0;
}
