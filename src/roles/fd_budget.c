#include "roles/fd_budget.h"

#include <sys/resource.h>

#include <stddef.h>

#include "base/error.h"
#include "base/fd.h"
#include "config/config.h"
#include "relay/pipe_pool.h"

/* The log, epoll, channels to other processes, libraries. */
enum { SPARE_DESCRIPTORS = 64 };

/* A name, or `*`, stands for an address of each family, each with a socket for
 * every worker. */
static size_t
count_listeners(const struct config *config, unsigned workers)
{
    size_t count = 0;

    for (size_t i = 0; i < config->service_count; i++)
        count += 2 * config->services[i].listen.count * workers;
    return count;
}

/* The global limit, or what all services together allow, if that is less. */
static uint64_t
most_connections(const struct config *config)
{
    uint64_t most = config->global.max_connections, sum = 0;

    for (size_t i = 0; i < config->service_count; i++) {
        if (config->services[i].max_connections == 0)
            return most;
        sum += config->services[i].max_connections;
    }
    return sum < most ? sum : most;
}

/* A worker may come to have the sockets of all others, and has those of the
 * next generation beside them. */
static uint64_t
descriptors_needed(const struct config *config, unsigned workers)
{
    return 2 * most_connections(config) + count_listeners(config, workers) +
        (uint64_t)2 * PIPE_POOL_MAX + WORKERS_MAX + SPARE_DESCRIPTORS;
}

void
fd_budget_prepare(const struct config *config, unsigned workers)
{
    uint64_t have;

    (void)!fd_limit_raise(descriptors_needed(config, workers), &have);
}

void
fd_budget_share(pid_t pid)
{
    struct rlimit limit, now;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
        prlimit(pid, RLIMIT_NOFILE, NULL, &now) == 0 &&
        now.rlim_cur < limit.rlim_cur)
        (void)prlimit(pid, RLIMIT_NOFILE, &limit, NULL);
}

bool
fd_budget_raise(
    const struct config *config, unsigned workers, struct error *error)
{
    uint64_t most = most_connections(config);
    uint64_t need = descriptors_needed(config, workers);
    uint64_t have;

    if (fd_limit_raise(need, &have))
        return true;
    error_add(error,
        "[global] max_connections = %llu needs %llu file descriptors, but this "
        "process may have %llu; set LimitNOFILE= (ulimit -n) to %llu, or lower "
        "max_connections",
        (unsigned long long)most, (unsigned long long)need,
        (unsigned long long)have, (unsigned long long)need);
    return false;
}
