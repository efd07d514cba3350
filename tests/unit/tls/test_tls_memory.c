/* OpenSSL's memory that is wiped when it is freed.  Criterion uses OpenSSL itself, so
 * that it is wiped shows test_check_connect.py alone. */
#include "tls/tls_memory.h"

#include <openssl/crypto.h>

#include <criterion/criterion.h>

Test(tls_memory, comes_first)
{
    void *memory = OPENSSL_malloc(1);

    cr_expect_not(tls_memory_wipe_freed());
    OPENSSL_free(memory);
}
