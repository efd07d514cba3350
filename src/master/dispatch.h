/* What the master does with the messages and the ends of its children. */
#ifndef MASTER_DISPATCH_H
#define MASTER_DISPATCH_H

struct child_calls;

/* Of struct children; their argument is the master. */
extern const struct child_calls dispatch_calls;

#endif
