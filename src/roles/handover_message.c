#include "roles/handover_message.h"

#include <string.h>

#include "base/scoreboard.h"

bool
handover_message_judge(const void *bytes, size_t length,
    struct handover_message *out)
{
    if (length != sizeof(*out))
        return false;
    memcpy(out, bytes, sizeof(*out));
    if (out->kind == HANDOVER_ROOM)
        return true;
    if (out->service >= SCOREBOARD_SERVICES)
        return false;
    if (out->kind == HANDOVER_TAKEN)
        return true;
    return out->kind == HANDOVER_CONNECTION && out->tls <= 1 &&
        out->client.length <= sizeof(out->client.storage);
}
