#include "net/resolver.h"

#include <ares.h>
#include <event2/event.h>
#include <netdb.h>

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "net/loop.h"

enum {
    TTL_LEAST_S = 1, /* TTL 0 must not mean a query per connection */
    TTL_MOST_S = 3600,
    TRIES = 2,
    TRY_TIMEOUT_MS = 2000,
};

struct resolver_query {
    struct resolver_query *next;
    struct resolver_query **link;
    struct resolver_query **handle;
    resolver_done_fn *done;
    void *arg;
};

/* What is known of a name; lives as long as the resolver. */
struct name {
    struct name *next;
    struct resolver *resolver;
    struct resolver_query *waiting;
    uint64_t expires_ms;
    size_t count; /* 0: no good answer so far */
    struct address *addresses;
    bool in_flight;
    enum resolver_result refusal; /* while failing: what to say */
    bool failing;                 /* logged already */
    char host[];
};

/* A socket of c-ares'. */
struct watch {
    struct watch *next;
    struct resolver *resolver;
    struct event *event;
    ares_socket_t fd;
};

struct resolver {
    struct loop *loop;
    ares_channel channel;
    struct event *timer;
    struct watch *watches;
    struct name *names;
    size_t in_flight;
    struct loop_task refresh;
    bool closing;
};

static void
arm_timer(struct resolver *resolver)
{
    struct timeval next;

    if (ares_timeout(resolver->channel, NULL, &next) != NULL)
        event_add(resolver->timer, &next);
    else
        event_del(resolver->timer);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct resolver *resolver = arg;

    (void)fd;
    (void)what;
    ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm_timer(resolver);
}

static void
on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct resolver *resolver = arg;

    ares_process_fd(resolver->channel,
        what & EV_READ ? fd : ARES_SOCKET_BAD,
        what & EV_WRITE ? fd : ARES_SOCKET_BAD);
    arm_timer(resolver);
}

static void
drop_watch(struct resolver *resolver, ares_socket_t fd)
{
    for (struct watch **link = &resolver->watches; *link != NULL;
         link = &(*link)->next) {
        struct watch *watch = *link;

        if (watch->fd != fd)
            continue;
        *link = watch->next;
        event_free(watch->event);
        free(watch);
        return;
    }
}

/* c-ares says which of its sockets to watch, and for what (0: none). */
static void
on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct resolver *resolver = arg;
    short what = (short)((readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
    struct watch *watch;

    drop_watch(resolver, fd);
    if (what == 0 || (watch = calloc(1, sizeof(*watch))) == NULL)
        return; /* out of memory: c-ares' own timeout ends the query */
    watch->fd = fd;
    watch->event = event_new(resolver->loop->base, fd,
        (short)(what | EV_PERSIST), on_socket, resolver);
    if (watch->event == NULL) {
        free(watch);
        return;
    }
    watch->next = resolver->watches;
    resolver->watches = watch;
    event_add(watch->event, NULL);
}

static int
open_channel(struct resolver *resolver, ares_channel *channel)
{
    struct ares_options options = {
        .tries = TRIES,
        .timeout = TRY_TIMEOUT_MS,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = resolver,
    };

    return ares_init_options(channel, &options,
        ARES_OPT_TRIES | ARES_OPT_TIMEOUTMS | ARES_OPT_SOCK_STATE_CB);
}

/* c-ares reads resolv.conf(5) once; a daemon that started before the network
 * was there would ask the wrong servers for ever. */
static void
refresh(void *arg)
{
    struct resolver *resolver = arg;
    ares_channel fresh;

    if (resolver->in_flight > 0 ||
        open_channel(resolver, &fresh) != ARES_SUCCESS)
        return;
    ares_destroy(resolver->channel);
    resolver->channel = fresh;
}

struct resolver *
resolver_new(struct loop *loop, struct error *error)
{
    struct resolver *resolver = calloc(1, sizeof(*resolver));
    int code;

    if (resolver == NULL) {
        error_add(error, "out of memory");
        return NULL;
    }
    resolver->loop = loop;
    resolver->refresh = (struct loop_task){ .run = refresh, .arg = resolver };
    code = open_channel(resolver, &resolver->channel);
    if (code != ARES_SUCCESS) {
        error_add(error, "cannot start resolving names: %s; see "
                         "/etc/resolv.conf", ares_strerror(code));
        free(resolver);
        return NULL;
    }
    resolver->timer = evtimer_new(loop->base, on_timer, resolver);
    if (resolver->timer == NULL) {
        error_add(error, "out of memory");
        resolver_free(resolver);
        return NULL;
    }
    return resolver;
}

void
resolver_free(struct resolver *resolver)
{
    if (resolver == NULL)
        return;
    resolver->closing = true;
    loop_cancel(resolver->loop, &resolver->refresh);
    ares_destroy(resolver->channel);
    while (resolver->watches != NULL)
        drop_watch(resolver, resolver->watches->fd);
    while (resolver->names != NULL) {
        struct name *name = resolver->names;

        assert(name->waiting == NULL);
        resolver->names = name->next;
        free(name->addresses);
        free(name);
    }
    if (resolver->timer != NULL)
        event_free(resolver->timer);
    free(resolver);
}

void
resolver_cancel(struct resolver_query *query)
{
    if (query == NULL)
        return;
    *query->link = query->next;
    if (query->next != NULL)
        query->next->link = query->link;
    *query->handle = NULL;
    free(query);
}

static struct resolver_query *
take_first(struct name *name)
{
    struct resolver_query *query = name->waiting;

    if (query == NULL)
        return NULL;
    name->waiting = query->next;
    if (query->next != NULL)
        query->next->link = &name->waiting;
    *query->handle = NULL;
    return query;
}

static void
answer(struct name *name, enum resolver_result result)
{
    struct resolver_query *query;

    /* From the front each time: a callback may cancel any other query. */
    while ((query = take_first(name)) != NULL) {
        resolver_done_fn *done = query->done;
        void *arg = query->arg;

        free(query);
        done(arg, result, name->addresses, name->count);
    }
}

static size_t
count_nodes(const struct ares_addrinfo *found)
{
    size_t count = 0;

    for (const struct ares_addrinfo_node *node = found->nodes;
         node != NULL && count < RESOLVER_ADDRESSES_MAX; node = node->ai_next)
        count++;
    return count;
}

/* Replaces what was known.  False: nothing usable, or out of memory. */
static bool
remember(struct name *name, const struct ares_addrinfo *found)
{
    size_t count = count_nodes(found), i = 0;
    int ttl_s = TTL_MOST_S;
    struct address *addresses;

    if (count == 0 || (addresses = calloc(count, sizeof(*addresses))) == NULL)
        return false;
    for (const struct ares_addrinfo_node *node = found->nodes; i < count;
         node = node->ai_next, i++) {
        memcpy(&addresses[i].storage, node->ai_addr, node->ai_addrlen);
        addresses[i].length = node->ai_addrlen;
        if (node->ai_ttl < ttl_s)
            ttl_s = node->ai_ttl;
    }
    if (ttl_s < TTL_LEAST_S)
        ttl_s = TTL_LEAST_S;
    free(name->addresses);
    name->addresses = addresses;
    name->count = count;
    name->expires_ms = clock_now_ms() + SECONDS(ttl_s);
    return true;
}

static enum resolver_result
judge(struct name *name, int code)
{
    bool unknown = code == ARES_ENOTFOUND || code == ARES_ENODATA;
    bool failing = code != ARES_SUCCESS;

    if (failing && !name->failing)
        log_warn(NULL, "cannot resolve \"%s\": %s%s", name->host,
            ares_strerror(code),
            name->count > 0 ? "; its last good addresses serve on" : "");
    else if (!failing && name->failing)
        log_info(NULL, "\"%s\" resolves again", name->host);
    if (failing && !unknown)
        loop_defer(name->resolver->loop, &name->resolver->refresh);
    name->failing = failing;
    name->refusal = unknown ? RESOLVER_UNKNOWN : RESOLVER_FAILED;
    return name->count > 0 ? RESOLVER_FOUND : name->refusal;
}

static void
on_found(void *arg, int code, int timeouts, struct ares_addrinfo *found)
{
    struct name *name = arg;

    (void)timeouts;
    name->in_flight = false;
    name->resolver->in_flight--;
    if (code == ARES_SUCCESS && !remember(name, found))
        code = ARES_ENODATA;
    if (found != NULL)
        ares_freeaddrinfo(found);
    if (name->resolver->closing)
        return;
    /* Last good addresses serve on; ask again no sooner than this. */
    if (code != ARES_SUCCESS)
        name->expires_ms = clock_now_ms() + SECONDS(TTL_LEAST_S);
    answer(name, judge(name, code));
}

static void
ask(struct name *name)
{
    static const struct ares_addrinfo_hints hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
    };

    if (name->in_flight)
        return;
    name->in_flight = true;
    name->resolver->in_flight++;
    ares_getaddrinfo(
        name->resolver->channel, name->host, NULL, &hints, on_found, name);
    arm_timer(name->resolver);
}

static struct name *
find_name(struct resolver *resolver, const char *host)
{
    size_t length = strlen(host) + 1;
    struct name *name;

    for (name = resolver->names; name != NULL; name = name->next)
        if (strcasecmp(name->host, host) == 0)
            return name;
    name = calloc(1, sizeof(*name) + length);
    if (name == NULL)
        return NULL;
    memcpy(name->host, host, length);
    name->resolver = resolver;
    name->next = resolver->names;
    resolver->names = name;
    return name;
}

/* What can be said without asking.  False: nothing yet. */
static bool
answer_from_memory(struct name *name, resolver_done_fn *done, void *arg)
{
    bool fresh = clock_now_ms() < name->expires_ms;

    if (name->count > 0) {
        if (!fresh)
            ask(name);
        done(arg, RESOLVER_FOUND, name->addresses, name->count);
        return true;
    }
    if (!name->failing || name->in_flight || !fresh)
        return false;
    done(arg, name->refusal, NULL, 0);
    return true;
}

void
resolver_start(struct resolver *resolver, const char *host,
    resolver_done_fn *done, void *arg, struct resolver_query **handle)
{
    struct name *name = find_name(resolver, host);
    struct resolver_query *query;

    *handle = NULL;
    if (name != NULL && answer_from_memory(name, done, arg))
        return;
    query = name != NULL ? calloc(1, sizeof(*query)) : NULL;
    if (query == NULL) {
        done(arg, RESOLVER_FAILED, NULL, 0);
        return;
    }
    *handle = query;
    query->handle = handle;
    query->done = done;
    query->arg = arg;
    query->next = name->waiting;
    query->link = &name->waiting;
    if (query->next != NULL)
        query->next->link = &query->next;
    name->waiting = query;
    ask(name);
}
