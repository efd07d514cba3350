/* The processes of predecessors: no user asks through them. */
#include "master/upgrade_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/scoreboard.h"
#include "ipc/channel.h"
#include "master/child.h"
#include "master/supervisor.h"

/* More than a few upgrades' worth, under connections that stay. */
enum { KIN_MAX = 16 * SCOREBOARD_SLOTS };

/* When the process began, in ticks since the machine did: no later one of its
 * number began then (proc_pid_stat(5)).  0: not known. */
static uint64_t
process_started(pid_t pid)
{
    enum { STARTED = 22, AFTER_NAME = 2 };
    char path[40], text[1024], *at;
    unsigned long long started = 0;
    FILE *file;
    size_t length;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return 0;
    length = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[length] = '\0';
    at = strrchr(text, ')'); /* the name may have spaces in it */
    for (int i = AFTER_NAME; at != NULL && i < STARTED; i++)
        at = strchr(at + 1, ' ');
    if (at != NULL)
        started = strtoull(at, NULL, 10);
    return started;
}

static void
send_kin(struct channel *channel, const struct message_kin *kin)
{
    channel_send(channel, MESSAGE_KIN, kin, NULL, 0, NULL, 0);
}

void
upgrade_send_kin(const struct upgrade *upgrade)
{
    const struct children *children =
        upgrade->parts.supervisor->parts.children;
    const struct child *each;

    LIST_FOREACH(each, &children->list, link)
        send_kin(upgrade->next,
            &(struct message_kin){
                .pid = each->pid,
                .started = process_started(each->pid),
            });
    for (size_t i = 0; i < upgrade->kin_count; i++)
        send_kin(upgrade->next, &upgrade->kin[i]);
}

static bool
is_same_kin(const struct message_kin *a, const struct message_kin *b)
{
    return a->pid == b->pid && a->started == b->started;
}

void
upgrade_take_kin(struct upgrade *upgrade, const struct message_kin *one)
{
    struct message_kin *kin;

    for (size_t i = 0; i < upgrade->kin_count; i++)
        if (is_same_kin(&upgrade->kin[i], one))
            return;
    kin = upgrade->kin_count < KIN_MAX
        ? reallocarray(
              upgrade->kin, upgrade->kin_count + 1, sizeof(*kin))
        : NULL;
    if (kin == NULL) {
        log_error(NULL, "pid %d, a process from before the upgrade, is not "
            "known as such: there are too many", (int)one->pid);
        return;
    }
    upgrade->kin = kin;
    kin[upgrade->kin_count++] = *one;
}

bool
upgrade_is_kin(const struct upgrade *upgrade, pid_t pid)
{
    uint64_t started = 0;

    for (size_t i = 0; i < upgrade->kin_count; i++) {
        const struct message_kin *kin = &upgrade->kin[i];

        if (kin->pid != pid)
            continue;
        if (started == 0)
            started = process_started(pid);
        if (kin->started == 0 || started == 0 || started == kin->started)
            return true;
    }
    return false;
}
