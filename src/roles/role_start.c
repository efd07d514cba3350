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
        role_is_child(packet->role) && packet->slot < SCOREBOARD_SLOTS &&
        packet->number < WORKERS_MAX && packet->workers <= WORKERS_MAX &&
        packet->sandbox <= SANDBOX_OFF &&
        packet->log_dress <= LOG_DRESS_JOURNAL &&
        packet->log_format <= LOG_JSON &&
        packet->log_level <= LOG_LEVEL_DEBUG &&
        packet->tickets.count <= TLS_TICKET_SECRETS_MAX &&
        memchr(packet->account, '\0', sizeof(packet->account)) != NULL &&
        are_flags(packet);
}

/* Checks required descriptors; code that uses an optional one looks for it. */
static bool
has_descriptors(enum role role)
{
    for (int fd = 0; fd < ROLE_FD_COUNT; fd++)
        if ((role_info(role)->fds >> fd & 1) != 0 && !fd_is_open(fd))
            return false;
    return true;
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

const char *
role_start_title(
    enum role role, unsigned number, char text[ROLE_TITLE_SIZE])
{
    const struct role_info *info = role_info(role);

    if (info->is_numbered)
        snprintf(text, ROLE_TITLE_SIZE, TITLE "%s %u", info->name, number);
    else
        snprintf(text, ROLE_TITLE_SIZE, TITLE "%s", info->name);
    return text;
}

const char *
role_start_name(enum role role, unsigned number, char text[ROLE_NAME_SIZE])
{
    const struct role_info *info = role_info(role);

    if (info->is_numbered)
        snprintf(text, ROLE_NAME_SIZE, "sallyport:%.1s%u", info->short_name,
            number);
    else
        snprintf(text, ROLE_NAME_SIZE, "sallyport:%.5s", info->short_name);
    return text;
}

bool
role_start_is_title(const char *word)
{
    return strncmp(word, TITLE, sizeof(TITLE) - 1) == 0;
}
