#include "roles/log_message.h"

#include "base/log.h"

void
log_message_on(void *arg, const struct message *message, const int *fds)
{
    const struct message_log *log = message->payload;

    (void)arg;
    (void)fds;
    log_adjust((enum log_dress)log->dress, (enum log_format)log->format,
        (enum log_level)log->level);
}
