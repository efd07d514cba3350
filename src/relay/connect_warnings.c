#include "relay/connect_warnings.h"

#include <inttypes.h>

#include "base/log.h"
#include "base/number.h"

enum { WARN_EVERY_S = 10 };

static void
tell_left_out(struct connect_warnings *warnings)
{
    uint64_t count = warnings->left_out;

    warnings->left_out = 0;
    if (count > 0)
        log_warn(warnings->service,
            "%" PRIu64 " more connection%s reached no server within %d s "
            "(logged at level info)",
            count, number_plural(count), WARN_EVERY_S);
}

static void
on_warnings_due(void *arg)
{
    tell_left_out(arg);
}

/* Without memory for a timer nothing is admitted. */
bool
connect_warnings_admit(struct connect_warnings *warnings,
    struct event_base *base, const char *service)
{
    warnings->service = service;
    if (!timer_is_set(&warnings->timer) &&
        timer_start(&warnings->timer, base, on_warnings_due, warnings,
            SECONDS(WARN_EVERY_S)))
        return true;
    warnings->left_out++;
    return false;
}

void
connect_warnings_end(struct connect_warnings *warnings)
{
    timer_close(&warnings->timer);
    tell_left_out(warnings);
}
