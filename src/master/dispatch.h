/* What children say to the master. */
#ifndef MASTER_DISPATCH_H
#define MASTER_DISPATCH_H

struct child;
struct message;

/* Takes the descriptor that came with it; -1: none. */
void dispatch_message(struct child *child, const struct message *message,
    int fd);

#endif
