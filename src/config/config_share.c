#include "config/config_share.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/config.h"
#include "config/config_fault.h"
#include "config/match_table.h"
#include "config/match_ties.h"

enum { TITLE_SIZE = 64 };

static struct service_config *
service_of(const struct config *config, const struct listen_member *member)
{
    return &config->services[member->service];
}

static struct endpoint *
endpoint_of(const struct config *config, const struct listen_member *member)
{
    return &service_of(config, member)->listen.items[member->endpoint];
}

static bool
is_fallback(const struct config *config, const struct listen_member *member)
{
    return service_of(config, member)->listen_leg.match.count == 0;
}

static void
report_taken(const struct config *config, const struct listen_member *first,
    const struct listen_member *member, struct error *error)
{
    const struct service_config *service = service_of(config, member);
    const struct origin *origin = &endpoint_of(config, first)->origin;
    const struct endpoint *endpoint = endpoint_of(config, member);
    char title[TITLE_SIZE];

    snprintf(title, sizeof(title), "service %s", service->name);
    if (first->service == member->service)
        config_fault_add(error, &endpoint->origin, title, "listen",
            "\"%s\" is the same place as \"%s\" (%s:%u) of this service; "
            "remove one of the two", endpoint->text,
            endpoint_of(config, first)->text, origin->file, origin->line);
    else
        config_fault_add(error, &endpoint->origin, title, "listen",
            "\"%s\" is taken by service %s (%s:%u); only one can listen there "
            "without listen.match", endpoint->text,
            service_of(config, first)->name, origin->file, origin->line);
}

/* The member before this one that it cannot be told from.  NULL: none. */
static const struct listen_member *
find_double(const struct config *config, const struct listen_group *group,
    uint32_t which)
{
    const struct listen_member *member = &group->members[which];

    for (uint32_t i = 0; i < which; i++) {
        const struct listen_member *other = &group->members[i];

        if (other->service == member->service ||
            (is_fallback(config, other) && is_fallback(config, member)))
            return other;
    }
    return NULL;
}

/* False: two cannot be told apart whatever a client says. */
static bool
check_members(const struct config *config, const struct listen_group *group,
    struct error *error)
{
    bool apart = true;

    for (uint32_t i = 0; i < group->count; i++) {
        const struct listen_member *first = find_double(config, group, i);

        if (first != NULL)
            report_taken(config, first, &group->members[i], error);
        apart = apart && first == NULL;
    }
    return apart;
}

/* Such a line has been reported, and what it was meant to tell apart is not
 * known. */
static bool
has_faulty_line(const struct config *config, const struct listen_group *group)
{
    for (uint32_t i = 0; i < group->count; i++)
        if (service_of(config, &group->members[i])->listen_leg.match.faulty)
            return true;
    return false;
}

/* The service is at fault that is written later. */
struct tie_report {
    const struct config *config;
    const struct listen_group *group;
    struct error *error;
    unsigned told;
};

/* A thousand lines of one kind tie in half a million pairs: the first ones say
 * enough. */
enum { TIES_TOLD_MAX = 100 };

static bool
report_tie(void *arg, const struct match_entry *a, const struct match_entry *b,
    const char *client)
{
    struct tie_report *report = arg;
    const struct match_entry *first = a->member < b->member ? a : b;
    const struct match_entry *second = first == a ? b : a;
    const struct listen_member *members = report->group->members;
    const struct service_config *one =
        service_of(report->config, &members[first->member]);
    const struct service_config *other =
        service_of(report->config, &members[second->member]);
    char title[TITLE_SIZE];

    snprintf(title, sizeof(title), "service %s", other->name);
    config_fault_add(report->error, &second->rule->origin, title,
        "listen.match", "\"%s\" and \"%s\" of service %s are equally "
        "specific for %s; give one of the lines a further word",
        second->rule->text, first->rule->text, one->name, client);
    return ++report->told < TIES_TOLD_MAX;
}

static void
check_ties(const struct config *config, const struct listen_group *group,
    struct error *error)
{
    struct tie_report report = { config, group, error, .told = 0 };
    struct match_table table;

    if (!config_share_table(config, group, &table)) {
        error_no_memory(error);
        return;
    }
    match_ties_find(&table, report_tie, &report);
    match_table_close(&table);
}

static uint32_t
find_home(const struct config *config, const struct listen_group *group)
{
    for (uint32_t i = 0; i < group->count; i++)
        if (is_fallback(config, &group->members[i]))
            return i;
    return 0;
}

/* NULL: out of memory. */
static struct listen_group *
add_group(struct config *config, const struct listen_member *members,
    size_t count)
{
    struct listen_group *grown = reallocarray(
        config->groups, config->group_count + 1, sizeof(*grown));
    struct listen_member *copy = calloc(count, sizeof(*copy));

    if (grown != NULL)
        config->groups = grown;
    if (grown == NULL || copy == NULL) {
        free(copy);
        return NULL;
    }
    memcpy(copy, members, count * sizeof(*copy));
    grown += config->group_count++;
    *grown = (struct listen_group){ copy, (uint32_t)count, 0 };
    grown->home = find_home(config, grown);
    for (size_t i = 0; i < count; i++)
        endpoint_of(config, &copy[i])->group = (uint32_t)config->group_count;
    return grown;
}

void
config_share_add(struct config *config, const struct listen_member *members,
    size_t count, struct error *error)
{
    const struct listen_group *group;

    if (count == 1 && is_fallback(config, members))
        return;
    group = add_group(config, members, count);
    if (group == NULL) {
        error_no_memory(error);
        return;
    }
    if (!has_faulty_line(config, group) && check_members(config, group, error))
        check_ties(config, group, error);
}

const struct listen_group *
config_share_group(
    const struct config *config, uint32_t service, uint32_t endpoint)
{
    const struct listen_member member = { service, endpoint };
    uint32_t number = endpoint_of(config, &member)->group;

    return number > 0 ? &config->groups[number - 1] : NULL;
}

bool
config_share_is_home(
    const struct config *config, uint32_t service, uint32_t endpoint)
{
    const struct listen_group *group =
        config_share_group(config, service, endpoint);
    const struct listen_member *home;

    if (group == NULL)
        return true;
    home = &group->members[group->home];
    return home->service == service && home->endpoint == endpoint;
}

bool
config_share_table(const struct config *config,
    const struct listen_group *group, struct match_table *table)
{
    size_t lines = 0;

    for (uint32_t i = 0; i < group->count; i++)
        lines += service_of(config, &group->members[i])->listen_leg.match.count;
    if (!match_table_open(table, lines))
        return false;
    for (uint32_t i = 0; i < group->count; i++)
        match_table_add(table, i,
            &service_of(config, &group->members[i])->listen_leg.match);
    match_table_sort(table);
    return true;
}
