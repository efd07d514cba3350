/* What a child does when the master tells it how to make lines from now on. */
#ifndef ROLES_LOG_MESSAGE_H
#define ROLES_LOG_MESSAGE_H

#include "ipc/message.h"

/* The handler of MESSAGE_LOG. */
void log_message_on(void *arg, const struct message *message, const int *fds);

#endif
