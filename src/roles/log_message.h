/* What a child does when the master tells it how to make lines from now on. */
#ifndef ROLES_LOG_MESSAGE_H
#define ROLES_LOG_MESSAGE_H

#include "ipc/message.h"

/* Of a MESSAGE_LOG. */
void log_message_apply(const struct message *message);

#endif
