#include "relay/limits_share.h"

#include <criterion/criterion.h>

#include "base/base.h"
#include "base/scoreboard.h"
#include "config/config.h"

Test(limits_share, leaves_places_to_other_services)
{
    static const struct { uint64_t all; size_t services; uint64_t own, want; }
    cases[] = {
        { 100, 1, 0, 100 }, { 100, 2, 0, 87 }, { 100, 2, 5, 5 },
        { 100, 2, 100, 100 }, { 1, 2, 0, 1 }, { 2, 2, 0, 1 }, { 8, 9, 0, 7 },
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        cr_expect_eq(limits_share_of_service(
            cases[i].all, cases[i].services, cases[i].own), cases[i].want,
            "case %zu", i);
}

Test(limits_share, leaves_places_to_other_workers)
{
    static const struct { uint64_t most; unsigned workers; uint64_t want; }
    cases[] = {
        { 100, 0, 100 }, { 100, 1, 100 }, { 16, 2, 16 }, { 31, 2, 31 },
        { 32, 2, 31 }, { 100, 2, 97 }, { 10000, 2, 9688 },
        { 10000, 4, 9532 }, { 10000, 64, 9433 }, { 1, 64, 1 },
        { UINT64_MAX, 2, UINT64_MAX - UINT64_MAX / 32 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        cr_expect_eq(limits_share_of_process(
            cases[i].most, cases[i].workers), cases[i].want, "case %zu", i);
    }
}

/* Two workers, of which one claims to have every place there is. */
Test(limits_share, a_worker_that_lies_leaves_others_room)
{
    struct service_config services[] = { { .name = (char *)"web" } };
    struct config config = { .global = { .max_connections = 320 },
        .services = services, .service_count = 1 };
    struct scoreboard *board = scoreboard_new();
    unsigned web = scoreboard_service_index(board, "web");
    unsigned liar = scoreboard_slot_take(board, 0, 0);

    limits_share_publish(board, &config, 2);
    for (int i = 0; i < 1000; i++) {
        scoreboard_gauge_enter(board, liar, SCOREBOARD_ALL);
        scoreboard_gauge_enter(board, liar, web);
    }
    cr_expect_eq(scoreboard_active(board, SCOREBOARD_ALL), 310);
    cr_expect_eq(scoreboard_active(board, web), 310);
    scoreboard_free(board);
}
