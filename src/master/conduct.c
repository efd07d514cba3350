#include "master/conduct.h"

#include <stddef.h>

void
conduct_expect(struct conduct *conduct, enum message_type answer)
{
    conduct->owed[answer]++;
}

static bool
is_in_turn(struct conduct *conduct, enum role role, enum message_type type)
{
    if (type == MESSAGE_FAULT) /* of what is being prepared, or tried */
        return role == ROLE_TRIAL || conduct->owed[MESSAGE_PREPARED] > 0;
    if (!message_info(type)->is_answer)
        return true;
    if (conduct->owed[type] == 0)
        return false;
    conduct->owed[type]--;
    return true;
}

/* As a bucket that empties at the rate and holds the burst. */
static bool
is_in_rate(struct conduct *conduct, enum message_type type, uint64_t now_ms)
{
    const struct message_info *info = message_info(type);
    uint64_t *until_ms = &conduct->spent_until_ms[type];

    if (info->every_ms == 0)
        return true;
    if (*until_ms < now_ms)
        *until_ms = now_ms;
    *until_ms += info->every_ms;
    return *until_ms - now_ms <= (uint64_t)info->every_ms * info->burst;
}

const char *
conduct_judge(struct conduct *conduct, enum role role,
    enum message_type type, uint64_t now_ms)
{
    if (!is_in_turn(conduct, role, type))
        return "out of turn";
    return is_in_rate(conduct, type, now_ms) ? NULL : "too often";
}
