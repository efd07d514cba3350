/* A file that holds no PEM block that could be read, whatever it holds: a known
 * accident or none, and nothing in OpenSSL's error queue. */
#include <openssl/err.h>

#include <stdint.h>
#include <stdlib.h>

#include "tls/tls_pem_damage.h"
#include "tls/tls_pem_slip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    char damage[TLS_PEM_DAMAGE_SIZE];
    const char *words = tls_pem_slip(text, size, TLS_PEM_CERTIFICATE);

    if (words != NULL && *words == '\0')
        abort();
    words = tls_pem_slip(text, size, TLS_PEM_PRIVATE_KEY);
    if (words != NULL && *words == '\0')
        abort();
    for (unsigned i = 0; i < 4; i++)
        tls_pem_damage(text, size, "CERTIFICATE", i, damage);
    if (ERR_peek_error() != 0)
        abort();
    return 0;
}
