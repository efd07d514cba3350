/* The first bytes of a peer, whatever they are, belong to one known protocol or
 * to none. */
#include <stdint.h>
#include <stdlib.h>

#include "proto/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum protocol protocol = protocol_of(data, size);

    if ((int)protocol < PROTOCOL_TLS || protocol > PROTOCOL_XMPP)
        abort();
    if ((protocol_name(protocol) == NULL) != (protocol == PROTOCOL_OTHER))
        abort();
    return 0;
}
