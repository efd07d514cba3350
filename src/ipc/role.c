#include "ipc/role.h"

#include <assert.h>

static const struct role_info roles[] = {
    [ROLE_MASTER] = { .name = "master" },
    [ROLE_WORKER] = { .name = "worker", .short_name = "w",
        .is_numbered = true,
        .fds = ROLE_FD_BIT(SCOREBOARD) | ROLE_FD_BIT(BOARD_WRITE),
        .has_tls = true, .has_reach = true },
    [ROLE_KEEPER] = { .name = "keeper", .short_name = "k",
        .is_numbered = true,
        .has_tls = true, .has_keys = true, .most_fds = 256 },
    [ROLE_SCOUT] = { .name = "scout", .short_name = "scout",
        .port = 53, /* the DNS */
        .most_fds = 1024 },
    [ROLE_ADMIN] = { .name = "admin", .short_name = "admin",
        .fds = ROLE_FD_BIT(SCOREBOARD) | ROLE_FD_BIT(CONTROL),
        .most_fds = 256 },
    [ROLE_TRIAL] = { .name = "trial", .short_name = "trial",
        .fds = ROLE_FD_BIT(BUNDLE),
        .has_tls = true, .has_keys = true, .has_reach = true,
        .may_bind = true },
    [ROLE_SUCCESSOR] = { .name = "successor" },
};

static_assert(COUNT(roles) == ROLE_COUNT, "every role has its row");

const struct role_info *
role_info(enum role role)
{
    assert((unsigned)role < ROLE_COUNT);
    return &roles[role];
}

const char *
role_name(enum role role)
{
    return role_info(role)->name;
}

bool
role_is_child(uint32_t role)
{
    return role < ROLE_COUNT && (ROLE_CHILDREN >> role & 1) != 0;
}

bool
role_is_among(unsigned bits, enum role role)
{
    return (unsigned)role < ROLE_COUNT && (bits >> role & 1) != 0;
}
