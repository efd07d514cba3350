#include "relay/limits_share.h"

#include "base/scoreboard.h"
#include "config/config.h"

enum { PARTS_OF_SHARE = 16 };

uint64_t
limits_share_of_service(uint64_t all, size_t services, uint64_t own)
{
    if (own > 0)
        return own;
    return services < 2 || all < 2 ? all : all - (all + 7) / 8;
}

uint64_t
limits_share_of_process(uint64_t most, unsigned workers)
{
    if (workers < 2)
        return most;
    return most - (workers - 1) * (most / ((uint64_t)PARTS_OF_SHARE * workers));
}

void
limits_share_publish(
    struct scoreboard *board, const struct config *config, unsigned workers)
{
    uint64_t all = config->global.max_connections;

    scoreboard_raise_most(board, SCOREBOARD_ALL,
        limits_share_of_process(all, workers));
    for (size_t i = 0; i < config->service_count; i++) {
        const struct service_config *service = &config->services[i];
        unsigned index = scoreboard_service_find(board, service->name);
        uint64_t most = limits_share_of_service(
            all, config->service_count, service->max_connections);

        if (index != SCOREBOARD_ALL)
            scoreboard_raise_most(
                board, index, limits_share_of_process(most, workers));
    }
}
