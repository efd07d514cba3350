/*
 * An instance: a place for one child process, which is kept filled.
 *
 * A child that has died is replaced at once; if children die young again and
 * again, after a growing pause, so that a fault costs no more than one process a
 * while.
 */
#ifndef MASTER_INSTANCE_H
#define MASTER_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "ipc/message.h"

struct child;
struct event;
struct event_base;
struct instance;

struct instance_ops {
    /* Starts the instance's process.  NULL: logged. */
    struct child *(*start)(struct instance *instance);

    /* The process has been started, and is the instance's. */
    void (*started)(struct instance *instance);

    /* The instance stays without a process for a while. */
    void (*vacant)(struct instance *instance);
};

struct instance {
    const struct instance_ops *ops;
    void *arg; /* for the ops */
    struct event_base *base;
    enum role role;
    unsigned number;
    struct child *child; /* NULL: there is no process now */
    struct event *retry;
    unsigned early_deaths; /* in a row */
    bool wanted;
};

/* Starts a child; if that fails, tries again later. */
void instance_start(struct instance *instance);

/* The instance's child is not replaced when it ends, and no other is started.
 * Returns the child (NULL: none), which has no instance any more. */
struct child *instance_release(struct instance *instance);

/* The instance's child has ended after `lived_ms`; starts another. */
void instance_restart(struct instance *instance, uint64_t lived_ms);

/* How long an instance stays empty after so many children in a row died young. */
uint64_t instance_pause_ms(unsigned early_deaths);

#endif
