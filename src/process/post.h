/*
 * A post: the master's place for one child process, which it keeps filled.
 *
 * A child that has died is replaced at once; if children die young again and
 * again, after a growing pause, so that a fault costs no more than one fork a
 * while.
 */
#ifndef PROCESS_POST_H
#define PROCESS_POST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "process/message.h"

struct child;
struct event;
struct master;

struct post {
    struct master *master;
    enum role role;
    unsigned number;
    struct child *child; /* NULL: nobody is there now */
    struct event *retry;
    unsigned early_deaths; /* in a row */
    bool wanted;
};

/* Starts a child; if that fails, tries again later. */
void post_fill(struct post *post);

/* Its child is not replaced when it ends, and no other is started.  Returns the
 * child (NULL: none), which has no post any more. */
struct child *post_give_up(struct post *post);

/* Its child has ended after `lived_ms`; starts another. */
void post_refill(struct post *post, uint64_t lived_ms);

/* How long a post stays empty after so many children in a row died young. */
uint64_t post_pause_ms(unsigned early_deaths);

#endif
