/*
 * The modes, and how they tell where they are.
 */
#ifndef LOAD_MODES_H
#define LOAD_MODES_H

#include <stdint.h>
#include <stdio.h>

struct mode;
struct options;

extern const struct mode mode_down, mode_up, mode_ping, mode_churn, mode_hold,
    mode_slow, mode_pace, mode_shut;

/* What the modes share; set before any starts. */
extern const struct options *mode_options;

/* "ready": everything is warm; "done": what is measured is over.  The mode's
 * proceed() is called when the caller agrees, later. */
void phase_reached(const char *name);

/* What was measured, for the report. */
struct measured {
    uint64_t units;
    uint64_t checked_bytes; /* of bulk, compared one by one */
    int64_t from_ns, to_ns;
};

extern struct measured measured;

#endif
