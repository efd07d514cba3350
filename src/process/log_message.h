/* What a child does when the master tells it where lines go from now on. */
#ifndef PROCESS_LOG_MESSAGE_H
#define PROCESS_LOG_MESSAGE_H

#include "process/message.h"

/* Of a MESSAGE_LOG, whose descriptor it takes.  Even who hardly ever logs is
 * told: a file that has been given up is not to stay on the disk for its sake.
 * If the new log is of no use, which is logged, the old one goes on. */
void log_message_adopt(enum role own, const struct message *message, int fd);

#endif
