#include "process/post.h"

#include <event2/event.h>

#include <stddef.h>

#include "base/clock.h"
#include "base/log.h"
#include "process/child.h"
#include "process/fleet.h"
#include "process/master_parts.h"

enum {
    YOUNG_MS = 5000,
    PAUSE_FIRST_MS = 200, /* the second in a row; the first is free */
    PAUSE_MOST_MS = 30000,
    PAUSE_NO_FORK_MS = 1000, /* the system has nothing to spare now */
};

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    post_fill(arg);
}

static void
fill_later(struct post *post, uint64_t delay_ms)
{
    struct timeval delay = clock_span(delay_ms);

    if (post->retry == NULL)
        post->retry = evtimer_new(post->master->base, on_retry, post);
    if (post->retry != NULL)
        event_add(post->retry, &delay);
    else
        log_error(NULL, "%s %u is not started again: out of memory",
            role_name(post->role), post->number);
}

uint64_t
post_pause_ms(unsigned early_deaths)
{
    uint64_t pause = PAUSE_FIRST_MS;

    if (early_deaths < 2)
        return 0;
    for (unsigned i = 2; i < early_deaths && pause < PAUSE_MOST_MS; i++)
        pause *= 2;
    return pause < PAUSE_MOST_MS ? pause : PAUSE_MOST_MS;
}

void
post_fill(struct post *post)
{
    post->wanted = true;
    if (post->child != NULL)
        return;
    post->child = fleet_start(post);
    if (post->child != NULL)
        fleet_welcome(post->child);
    else
        fill_later(post, PAUSE_NO_FORK_MS);
}

struct child *
post_give_up(struct post *post)
{
    struct child *child = post->child;

    post->wanted = false;
    post->child = NULL;
    post->early_deaths = 0;
    if (post->retry != NULL)
        event_free(post->retry);
    post->retry = NULL;
    if (child != NULL)
        child->post = NULL;
    return child;
}

void
post_refill(struct post *post, uint64_t lived_ms)
{
    uint64_t pause;

    if (lived_ms < YOUNG_MS)
        post->early_deaths++;
    else
        post->early_deaths = 0;
    if (!post->wanted)
        return;
    pause = post_pause_ms(post->early_deaths);
    if (pause == 0) {
        post_fill(post);
        return;
    }
    log_error(NULL,
        "%s %u died young %u times in a row; it is started again in %llu ms",
        role_name(post->role), post->number, post->early_deaths,
        (unsigned long long)pause);
    fill_later(post, pause);
}
