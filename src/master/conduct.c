#include "master/conduct.h"

#include <stddef.h>

/*
 * One every so many milliseconds, and so many at once: a master that has been
 * busy hears all that was said meanwhile.  Children keep well below: they send a
 * heartbeat a second (heartbeat.h), tell of what they have lost once a second
 * (keeper_client.c, scout_client.c), and the admin paces what its
 * clients ask (admin.c).  What is not here is bounded by an order, or by
 * what becomes of it.
 */
static const struct rate {
    unsigned every_ms; /* 0: no matter */
    unsigned burst;
} rates[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_BOUND] = { 1, 32768 },
    [MESSAGE_WANTED] = { 1, 32768 },
    [MESSAGE_FAULT] = { 10, 2048 },
    [MESSAGE_VERDICT] = { 1000, 1 },
    [MESSAGE_DRAINED] = { 1000, 8 },
    [MESSAGE_KEEPER_LOST] = { 500, 120 },
    [MESSAGE_SCOUT_LOST] = { 500, 120 },
    [MESSAGE_REQUEST] = { 5, 400 },
    [MESSAGE_HEARTBEAT] = { 200, 600 },
};

void
conduct_expect(struct conduct *conduct, enum message_type answer)
{
    conduct->owed[answer]++;
}

static bool
is_in_turn(struct conduct *conduct, enum role role, enum message_type type)
{
    switch (type) {
    case MESSAGE_READY:
        if (conduct->ready)
            return false;
        conduct->ready = true;
        return true;
    case MESSAGE_PREPARED:
    case MESSAGE_COMMITTED:
        if (conduct->owed[type] == 0)
            return false;
        conduct->owed[type]--;
        return true;
    case MESSAGE_FAULT: /* of what is being prepared, or tried */
        return role == ROLE_TRIAL || conduct->owed[MESSAGE_PREPARED] > 0;
    default:
        return true;
    }
}

/* As a bucket that empties at the rate and holds the burst. */
static bool
is_in_rate(struct conduct *conduct, enum message_type type, uint64_t now_ms)
{
    const struct rate *rate = &rates[type];
    uint64_t *until_ms = &conduct->spent_until_ms[type];

    if (rate->every_ms == 0)
        return true;
    if (*until_ms < now_ms)
        *until_ms = now_ms;
    *until_ms += rate->every_ms;
    return *until_ms - now_ms <= (uint64_t)rate->every_ms * rate->burst;
}

const char *
conduct_judge(struct conduct *conduct, enum role role,
    enum message_type type, uint64_t now_ms)
{
    if (!is_in_turn(conduct, role, type))
        return "out of turn";
    return is_in_rate(conduct, type, now_ms) ? NULL : "too often";
}
