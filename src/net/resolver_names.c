#include "net/resolver_names.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hash.h"

/* The low bits of a question's number are its bucket. */
enum { BUCKET_BITS = 8 };

_Static_assert(RESOLVER_NAMES_BUCKETS == 1 << BUCKET_BITS, "as many as bits say");

static uint32_t
bucket_of(const char *host)
{
    uint32_t hash = HASH32_BASIS;

    for (; *host != '\0'; host++)
        hash = hash32_byte(hash, (uint8_t)tolower((uint8_t)*host));
    return (hash ^ hash >> 16) % RESOLVER_NAMES_BUCKETS;
}

void
resolver_names_remove(struct resolver_names *names, struct resolver_name *name)
{
    LIST_REMOVE(name, entry);
    names->count--;
    timer_close(&name->refresh);
    free(name->addresses);
    free(name);
}

void
resolver_names_clear(struct resolver_names *names)
{
    for (size_t i = 0; i < RESOLVER_NAMES_BUCKETS; i++) {
        struct resolver_name *name;

        while ((name = LIST_FIRST(&names->buckets[i])) != NULL) {
            assert(LIST_EMPTY(&name->waiting));
            resolver_names_remove(names, name);
        }
    }
}

struct resolver_name *
resolver_names_find(const struct resolver_names *names, const char *host)
{
    struct resolver_name *name;

    LIST_FOREACH(name, &names->buckets[bucket_of(host)], entry)
        if (strcasecmp(name->host, host) == 0)
            return name;
    return NULL;
}

struct resolver_name *
resolver_names_asked(const struct resolver_names *names, uint32_t question)
{
    size_t bucket = question % RESOLVER_NAMES_BUCKETS;
    struct resolver_name *name;

    LIST_FOREACH(name, &names->buckets[bucket], entry)
        if (name->question == question)
            return name;
    return NULL;
}

void
resolver_names_number(struct resolver_name *name, uint32_t count)
{
    name->question = count << BUCKET_BITS | bucket_of(name->host);
}

/* The name that is least missed; NULL: each is in use. */
static struct resolver_name *
find_least_wanted(const struct resolver_names *names)
{
    struct resolver_name *least = NULL, *name;

    for (size_t i = 0; i < RESOLVER_NAMES_BUCKETS; i++)
        LIST_FOREACH(name, &names->buckets[i], entry)
            if (!name->asked && LIST_EMPTY(&name->waiting) &&
                name->borrowed == 0 &&
                (least == NULL || name->wanted_ms < least->wanted_ms))
                least = name;
    return least;
}

static bool
make_room(struct resolver_names *names)
{
    struct resolver_name *name;

    if (names->count < RESOLVER_NAMES_MAX)
        return true;
    name = find_least_wanted(names);
    if (name == NULL)
        return false;
    resolver_names_remove(names, name);
    return true;
}

struct resolver_name *
resolver_names_add(struct resolver_names *names, const char *host)
{
    size_t length = strlen(host) + 1;
    struct resolver_name *name;

    if (!make_room(names))
        return NULL;
    name = calloc(1, sizeof(*name) + length);
    if (name == NULL)
        return NULL;
    memcpy(name->host, host, length);
    LIST_INSERT_HEAD(&names->buckets[bucket_of(host)], name, entry);
    names->count++;
    return name;
}

bool
resolver_names_keep(
    struct resolver_name *name, const struct address *addresses, size_t count)
{
    struct address *kept;

    if (count > RESOLVER_ADDRESSES_MAX)
        count = RESOLVER_ADDRESSES_MAX;
    kept = calloc(count, sizeof(*kept));
    if (kept == NULL)
        return false;
    memcpy(kept, addresses, count * sizeof(*kept));
    free(name->addresses);
    name->addresses = kept;
    name->count = count;
    return true;
}

void
resolver_names_expire(struct resolver_names *names)
{
    struct resolver_name *name;

    for (size_t i = 0; i < RESOLVER_NAMES_BUCKETS; i++) {
        LIST_FOREACH(name, &names->buckets[i], entry) {
            name->expires_ms = 0;
            name->failed_ms = 0;
        }
    }
}
