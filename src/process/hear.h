/* What children say to the master. */
#ifndef PROCESS_HEAR_H
#define PROCESS_HEAR_H

struct child;
struct message;

/* Takes the descriptor that came with it; -1: none. */
void hear(struct child *child, const struct message *message, int fd);

#endif
