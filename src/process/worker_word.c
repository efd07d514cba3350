#include "process/worker_word.h"

#include <string.h>

#include "base/board.h"

bool
worker_word_judge(const void *bytes, size_t length, struct worker_word *out)
{
    if (length != sizeof(*out))
        return false;
    memcpy(out, bytes, sizeof(*out));
    if (out->kind == WORKER_WORD_ROOM)
        return true;
    return out->kind == WORKER_WORD_CONNECTION && out->tls <= 1 &&
        out->service < BOARD_SERVICES &&
        out->client.length <= sizeof(out->client.storage);
}
