#include "process/log_message.h"

#include "base/log.h"

void
log_message_adopt(enum role own, const struct message *message, int fd)
{
    const struct message_log *log = message->payload;

    if (!log_adopt((enum log_target)log->target, (enum log_format)log->format,
            (enum log_level)log->level, fd))
        log_error(NULL, "the %s cannot log where it is told to; the old log "
                        "goes on", role_name(own));
}
