/*
 * What a child may say to the master when, and how often.  Form is judged before
 * (message_judge()); a child that says what is in order, but out of turn or
 * without end, has been taken over all the same, and is killed for it.
 */
#ifndef MASTER_CONDUCT_H
#define MASTER_CONDUCT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "ipc/message.h"

/* All zero at first. */
struct conduct {
    unsigned owed[MESSAGE_TYPE_COUNT]; /* answers to orders that were given */
    uint64_t spent_until_ms[MESSAGE_TYPE_COUNT]; /* what was said, at its rate */
};

/* The child has been started, which it answers with MESSAGE_READY, or has been
 * given an order, which it may answer once with `answer`. */
void conduct_expect(struct conduct *conduct, enum message_type answer);

/* A child of that role has said `type`.  NULL: it may; else what is wrong with
 * it, in words that go behind the message's name. */
const char *conduct_judge(struct conduct *conduct, enum role role,
    enum message_type type, uint64_t now_ms);

#endif
