#include "tls/tls_cert_names.h"

#include <arpa/inet.h>

#include <stdlib.h>
#include <string.h>

enum kind { NAME_IS, NAME_UNDER, NAME_ADDRESS };

/* What is looked for: a name in lower case, or the bytes of an address. */
struct wanted {
    enum kind kind;
    const char *bytes;
    size_t length;
};

static char
lower_case(char letter)
{
    return letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a')
                                          : letter;
}

/* Returns the length; 0: it is no host's name.  A '*' is not a part of one. */
static size_t
normalize_host(const char *name, size_t length, char host[TLS_HOST_SIZE])
{
    if (length > 0 && name[length - 1] == '.')
        length--;
    if (length == 0 || length > TLS_HOST_MAX || name[0] == '.')
        return 0;
    for (size_t i = 0; i < length; i++) {
        if (name[i] <= ' ' || name[i] > '~' || name[i] == '*')
            return 0;
        host[i] = lower_case(name[i]);
    }
    host[length] = '\0';
    return length;
}

/* False: out of memory. */
static bool
make_name_room(struct tls_cert_names *names, size_t length)
{
    size_t size = names->size == 0 ? 4 : 2 * names->size;
    size_t room = 2 * names->room + length;
    struct tls_cert_name *items;
    char *bytes;

    if (names->count == names->size) {
        items = reallocarray(names->items, size, sizeof(*items));
        if (items == NULL)
            return false;
        names->items = items;
        names->size = size;
    }
    if (names->room - names->used < length) {
        bytes = realloc(names->bytes, room);
        if (bytes == NULL)
            return false;
        names->bytes = bytes;
        names->room = room;
    }
    return true;
}

static bool
add_wanted(struct tls_cert_names *names, const struct wanted *name,
    uint32_t cert)
{
    if (!make_name_room(names, name->length))
        return false;
    memcpy(names->bytes + names->used, name->bytes, name->length);
    names->items[names->count++] = (struct tls_cert_name){
        .at = names->used,
        .kind = (uint8_t)name->kind,
        .length = (uint8_t)name->length,
        .cert = cert,
    };
    names->used += name->length;
    return true;
}

bool
tls_cert_names_add_host(struct tls_cert_names *names, const char *name,
    size_t length, uint32_t cert)
{
    bool wild = length > 2 && name[0] == '*' && name[1] == '.';
    char host[TLS_HOST_SIZE];
    struct wanted wanted = {
        .kind = wild ? NAME_UNDER : NAME_IS,
        .bytes = host,
        .length = normalize_host(
            name + (wild ? 2 : 0), length - (wild ? 2 : 0), host),
    };

    return wanted.length == 0 || add_wanted(names, &wanted, cert);
}

bool
tls_cert_names_add_address(struct tls_cert_names *names, const void *address,
    size_t length, uint32_t cert)
{
    const struct wanted wanted = { NAME_ADDRESS, address, length };

    if (length != sizeof(struct in_addr) && length != sizeof(struct in6_addr))
        return true;
    return add_wanted(names, &wanted, cert);
}

static int
compare_wanted(const struct wanted *a, const struct wanted *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->length != b->length)
        return a->length < b->length ? -1 : 1;
    return memcmp(a->bytes, b->bytes, a->length);
}

static struct wanted
wanted_of(const struct tls_cert_names *names, const struct tls_cert_name *item)
{
    return (struct wanted){ item->kind, names->bytes + item->at,
        item->length };
}

/* For qsort_r(3): `arg` is the table. */
static int
compare_items(const void *a, const void *b, void *arg)
{
    const struct tls_cert_name *one = a, *other = b;
    const struct wanted left = wanted_of(arg, one);
    const struct wanted right = wanted_of(arg, other);
    int order = compare_wanted(&left, &right);

    if (order == 0)
        order = one->cert < other->cert ? -1 : one->cert > other->cert;
    return order;
}

void
tls_cert_names_sort(struct tls_cert_names *names)
{
    size_t kept = 0;

    if (names->count == 0)
        return;
    qsort_r(names->items, names->count, sizeof(*names->items), compare_items,
        names);
    for (size_t i = 0; i < names->count; i++)
        if (kept == 0 || compare_items(&names->items[kept - 1],
                &names->items[i], names) != 0)
            names->items[kept++] = names->items[i];
    names->count = kept;
}

size_t
tls_cert_names_run(const struct tls_cert_names *names, size_t index)
{
    struct wanted name = wanted_of(names, &names->items[index]);
    size_t run = 1;

    while (index + run < names->count) {
        struct wanted other = wanted_of(names, &names->items[index + run]);

        if (compare_wanted(&name, &other) != 0)
            break;
        run++;
    }
    return run;
}

/* Returns where the items that are not below `wanted` begin; with `past`, those
 * that are above it. */
static size_t
search_bound(const struct tls_cert_names *names, const struct wanted *wanted,
    bool past)
{
    size_t low = 0, high = names->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct wanted here = wanted_of(names, &names->items[middle]);
        int order = compare_wanted(&here, wanted);

        if (order < 0 || (past && order == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Returns how many there are, and sets `first` if there is one. */
static size_t
find_wanted(const struct tls_cert_names *names, const struct wanted *wanted,
    const struct tls_cert_name **first)
{
    size_t from = search_bound(names, wanted, false);
    size_t to = search_bound(names, wanted, true);

    if (from < to)
        *first = &names->items[from];
    return to - from;
}

static bool
find_address(const struct tls_cert_names *names, const char *text,
    struct tls_cert_found *found)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    struct wanted wanted = { NAME_ADDRESS, (const char *)bytes,
        sizeof(struct in_addr) };

    if (inet_pton(AF_INET, text, bytes) != 1) {
        if (inet_pton(AF_INET6, text, bytes) != 1)
            return false;
        wanted.length = sizeof(struct in6_addr);
    }
    found->exact_count = find_wanted(names, &wanted, &found->exact);
    return true;
}

static void
find_host(const struct tls_cert_names *names, const char *host, size_t length,
    struct tls_cert_found *found)
{
    struct wanted wanted = { NAME_IS, host, length };
    const char *dot = strchr(host, '.');

    found->exact_count = find_wanted(names, &wanted, &found->exact);
    if (dot == NULL)
        return;
    wanted = (struct wanted){ NAME_UNDER, dot + 1, strlen(dot + 1) };
    found->wildcard_count = find_wanted(names, &wanted, &found->wildcard);
}

bool
tls_cert_names_find(const struct tls_cert_names *names, const char *name,
    struct tls_cert_found *found)
{
    char host[TLS_HOST_SIZE];
    size_t length = normalize_host(name, strlen(name), host);

    *found = (struct tls_cert_found){ .exact = NULL };
    if (length > 0 && !find_address(names, host, found))
        find_host(names, host, length, found);
    return found->exact_count + found->wildcard_count > 0;
}

void
tls_cert_names_clear(struct tls_cert_names *names)
{
    free(names->items);
    free(names->bytes);
    *names = (struct tls_cert_names){ .items = NULL };
}
