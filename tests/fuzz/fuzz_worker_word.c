/* What another worker says: what is agreed to is within bounds, and is the same
 * again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/board.h"
#include "process/worker_word.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct worker_word word;

    if (!worker_word_judge(data, size, &word))
        return 0;
    if (size != sizeof(word) || memcmp(&word, data, size) != 0)
        abort();
    if (word.kind == WORKER_WORD_ROOM)
        return 0;
    if (word.kind != WORKER_WORD_CONNECTION || word.tls > 1 ||
        word.service >= BOARD_SERVICES ||
        word.client.length > sizeof(word.client.storage))
        abort();
    return 0;
}
