#include "roles/log_message.h"

#include "base/log.h"

void
log_message_apply(const struct message *message)
{
    const struct message_log *log = message->payload;

    log_adjust((enum log_dress)log->dress, (enum log_format)log->format,
        (enum log_level)log->level);
}
