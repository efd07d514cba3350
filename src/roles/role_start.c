#include "roles/role_start.h"

#include <sys/socket.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/scoreboard.h"
#include "ipc/channel.h"

#define TITLE "sallyport: "

void
role_start_set_reach(
    struct role_start *start, const struct sandbox_reach *reach)
{
    start->anywhere = reach->anywhere;
    start->unix_sockets = reach->unix_sockets;
    start->abstract_sockets = reach->abstract_sockets;
    start->zones = reach->zones;
    memcpy(start->ports, reach->ports, sizeof(start->ports));
}

void
role_start_reach(const struct role_start *start, struct sandbox_reach *reach)
{
    *reach = (struct sandbox_reach){
        .anywhere = start->anywhere != 0,
        .unix_sockets = start->unix_sockets != 0,
        .abstract_sockets = start->abstract_sockets != 0,
        .zones = start->zones != 0,
    };
    memcpy(reach->ports, start->ports, sizeof(reach->ports));
}

bool
role_start_send(int fd, const struct role_start *start)
{
    return send(fd, start, sizeof(*start), MSG_DONTWAIT | MSG_NOSIGNAL) ==
        (ssize_t)sizeof(*start);
}

static bool
is_role(uint32_t role)
{
    return role < ROLE_COUNT && role != ROLE_MASTER && role != ROLE_SUCCESSOR;
}

static bool
are_flags(const struct role_start *start)
{
    return start->keeps_no_keys <= 1 && start->strict <= 1 &&
        start->anywhere <= 1 && start->unix_sockets <= 1 &&
        start->abstract_sockets <= 1 && start->zones <= 1;
}

bool
role_start_judge(const struct role_start *packet, size_t length)
{
    return length == sizeof(*packet) && packet->size == sizeof(*packet) &&
        is_role(packet->role) && packet->slot < SCOREBOARD_SLOTS &&
        packet->number < WORKERS_MAX && packet->workers <= WORKERS_MAX &&
        packet->sandbox <= SANDBOX_OFF &&
        packet->log_dress <= LOG_DRESS_JOURNAL &&
        packet->log_format <= LOG_JSON &&
        packet->log_level <= LOG_LEVEL_DEBUG &&
        memchr(packet->account, '\0', sizeof(packet->account)) != NULL &&
        are_flags(packet);
}

/* Optional ones are looked for by those who use them. */
static bool
has_descriptors(enum role role)
{
    switch (role) {
    case ROLE_WORKER:
        return fd_is_open(ROLE_FD_SCOREBOARD) &&
            fd_is_open(ROLE_FD_BOARD_WRITE);
    case ROLE_ADMIN:
        return fd_is_open(ROLE_FD_SCOREBOARD) && fd_is_open(ROLE_FD_CONTROL);
    case ROLE_TRIAL:
        return fd_is_open(ROLE_FD_BUNDLE);
    default:
        return true;
    }
}

bool
role_start_take(struct role_start *start)
{
    ssize_t length;

    if (!channel_leads_to_parent(ROLE_FD_CHANNEL))
        return false;
    length = recv(
        ROLE_FD_CHANNEL, start, sizeof(*start), MSG_DONTWAIT | MSG_TRUNC);
    return length > 0 && role_start_judge(start, (size_t)length) &&
        has_descriptors((enum role)start->role);
}

static bool
is_numbered(enum role role)
{
    return role == ROLE_WORKER || role == ROLE_KEEPER;
}

const char *
role_start_title(
    enum role role, unsigned number, char text[ROLE_TITLE_SIZE])
{
    if (is_numbered(role))
        snprintf(text, ROLE_TITLE_SIZE, TITLE "%s %u", role_name(role),
            number);
    else
        snprintf(text, ROLE_TITLE_SIZE, TITLE "%s", role_name(role));
    return text;
}

const char *
role_start_name(enum role role, unsigned number, char text[ROLE_NAME_SIZE])
{
    if (is_numbered(role))
        snprintf(text, ROLE_NAME_SIZE, "sallyport:%.1s%u", role_name(role),
            number);
    else
        snprintf(text, ROLE_NAME_SIZE, "sallyport:%.5s", role_name(role));
    return text;
}

bool
role_start_is_title(const char *word)
{
    return strncmp(word, TITLE, sizeof(TITLE) - 1) == 0;
}
