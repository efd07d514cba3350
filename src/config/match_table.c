#include "config/match_table.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_match.h"

/* Lines of one kind and name. */
struct match_range {
    const struct match_entry *first;
    size_t count;
};

bool
match_table_open(struct match_table *table, size_t lines)
{
    *table = (struct match_table){ .fallback = MATCH_NOBODY };
    table->entries = calloc(lines + 1, sizeof(*table->entries));
    return table->entries != NULL;
}

void
match_table_close(struct match_table *table)
{
    free(table->entries);
    *table = (struct match_table){ .fallback = MATCH_NOBODY };
}

static bool
asks_for_words(const struct match_rule *rule)
{
    return rule->kind != MATCH_NAME_ANY || rule->alpn != NULL ||
        rule->protocol != MATCH_PROTOCOL_ANY;
}

void
match_table_add(struct match_table *table, uint32_t member,
    const struct match_rules *rules)
{
    if (rules->count == 0)
        table->fallback = (int)member;
    for (size_t i = 0; i < rules->count; i++) {
        table->entries[table->count++] =
            (struct match_entry){ &rules->items[i], member };
        table->reads |= asks_for_words(&rules->items[i]);
    }
}

static int
compare_entries(const void *a, const void *b)
{
    const struct match_entry *one = a, *other = b;
    int order = config_match_compare(one->rule, other->rule);

    if (order != 0)
        return order;
    return one->member < other->member ? -1 : one->member > other->member;
}

void
match_table_sort(struct match_table *table)
{
    if (table->count > 0)
        qsort(table->entries, table->count, sizeof(*table->entries),
            compare_entries);
}

void
match_client_hello(
    struct match_client *client, const struct client_hello *hello)
{
    size_t size = hello->server_name.size;

    client->protocol = MATCH_PROTOCOL_TLS;
    client->hello = hello;
    for (size_t i = 0; i < size; i++)
        client->name[i] = (char)tolower(hello->server_name.bytes[i]);
    if (size > 1 && client->name[size - 1] == '.')
        size--;
    client->name[size] = '\0';
}

/* Before, among, or behind those of the kind and name. */
static int
compare_place(
    const struct match_rule *rule, enum match_name kind, const char *name)
{
    if (rule->kind != kind)
        return rule->kind < kind ? -1 : 1;
    return name != NULL ? strcmp(rule->name, name) : 0;
}

/* How many entries stand before those of the kind and name, or (`behind`) up to
 * their end. */
static size_t
find_bound(const struct match_table *table, enum match_name kind,
    const char *name, bool behind)
{
    size_t low = 0, high = table->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int place = compare_place(table->entries[middle].rule, kind, name);

        if (place < 0 || (behind && place == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct match_range
find_range(const struct match_table *table, enum match_name kind,
    const char *name)
{
    size_t first = find_bound(table, kind, name, false);

    return (struct match_range){ table->entries + first,
        find_bound(table, kind, name, true) - first };
}

/* All but the name, which the range has. */
static bool
holds_client(const struct match_rule *rule, const struct match_client *client)
{
    if (rule->protocol != MATCH_PROTOCOL_ANY &&
        rule->protocol != client->protocol)
        return false;
    if (rule->alpn != NULL && (client->hello == NULL ||
        !client_hello_offers(client->hello, rule->alpn)))
        return false;
    return config_match_holds_address(&rule->from, &client->from);
}

static const struct match_entry *
find_holding(const struct match_range *range, size_t from,
    const struct match_client *client)
{
    for (size_t i = from; i < range->count; i++)
        if (holds_client(range->first[i].rule, client))
            return &range->first[i];
    return NULL;
}

/* The first one that holds is as specific as any behind it. */
static const struct match_entry *
find_in_range(const struct match_range *range,
    const struct match_client *client, const struct match_entry **rival)
{
    const struct match_entry *found = find_holding(range, 0, client), *next;

    if (found == NULL || rival == NULL)
        return found;
    next = found;
    while ((next = find_holding(range, (size_t)(next - range->first) + 1,
                client)) != NULL &&
        config_match_compare(found->rule, next->rule) == 0) {
        if (next->member == found->member)
            continue;
        *rival = next;
        break;
    }
    return found;
}

static const struct match_entry *
find_named(const struct match_table *table, enum match_name kind,
    const char *name, const struct match_client *client,
    const struct match_entry **rival)
{
    struct match_range range = find_range(table, kind, name);

    return find_in_range(&range, client, rival);
}

/* What a wildcard stands in front of.  NULL: the name has one label. */
static const char *
parent_name(const char *name)
{
    const char *dot = strchr(name, '.');

    return dot != NULL && dot > name ? dot + 1 : NULL;
}

static const struct match_entry *
find_by_name(const struct match_table *table,
    const struct match_client *client, const struct match_entry **rival)
{
    const char *name = client->name, *parent = parent_name(name);
    const struct match_entry *found;

    if (client->hello == NULL)
        return NULL;
    if (*name == '\0')
        return find_named(table, MATCH_NAME_NONE, NULL, client, rival);
    found = find_named(table, MATCH_NAME_IS, name, client, rival);
    if (found == NULL && parent != NULL)
        found = find_named(table, MATCH_NAME_UNDER, parent, client, rival);
    return found;
}

const struct match_entry *
match_table_find(const struct match_table *table,
    const struct match_client *client, const struct match_entry **rival)
{
    const struct match_entry *found;

    if (rival != NULL)
        *rival = NULL;
    found = find_by_name(table, client, rival);
    return found != NULL
        ? found
        : find_named(table, MATCH_NAME_ANY, NULL, client, rival);
}

int
match_table_choose(
    const struct match_table *table, const struct match_client *client)
{
    const struct match_entry *found = match_table_find(table, client, NULL);

    return found != NULL ? (int)found->member : table->fallback;
}

bool
match_table_has_name(
    const struct match_table *table, const char *name, bool wildcards)
{
    const char *parent = wildcards ? parent_name(name) : NULL;

    return find_range(table, MATCH_NAME_IS, name).count > 0 ||
        (parent != NULL &&
            find_range(table, MATCH_NAME_UNDER, parent).count > 0);
}
