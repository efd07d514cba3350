/* What another worker says: what is agreed to is within bounds, and is the same
 * again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/scoreboard.h"
#include "roles/handover_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct handover_message word;

    if (!handover_message_judge(data, size, &word))
        return 0;
    if (size != sizeof(word) || memcmp(&word, data, size) != 0)
        abort();
    if (word.kind == HANDOVER_ROOM)
        return 0;
    if (word.service >= SCOREBOARD_SERVICES)
        abort();
    if (word.kind == HANDOVER_TAKEN)
        return 0;
    if (word.kind != HANDOVER_CONNECTION || word.tls > 1 ||
        word.client.length > sizeof(word.client.storage))
        abort();
    return 0;
}
