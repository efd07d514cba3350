#include "net/resolver.h"

#include <sys/queue.h>

#include <assert.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "net/loop.h"
#include "net/timer.h"

enum {
    REFUSAL_MS = 1000,   /* for so long it is kept */
    FAILING_MS = 5000,   /* a failure this old says nothing about now */
    IN_USE_MS = 60000,   /* since it was wanted last */
    AHEAD_LEAST_MS = 200, /* of an answer's end a new one is asked for */
    AHEAD_MOST_MS = 10000,
    AHEAD_PART = 8,      /* of its time to live */
    BUCKET_BITS = 8, /* the low bits of a question's number are its bucket */
    BUCKETS = 1 << BUCKET_BITS,
};

struct resolver_query {
    LIST_ENTRY(resolver_query) entry;
    struct resolver_query **handle;
    resolver_done_fn *done;
    void *arg;
};

/* What is known of a name. */
struct name {
    LIST_ENTRY(name) entry; /* in its bucket */
    TAILQ_ENTRY(name) asked_entry;
    struct resolver *resolver;
    LIST_HEAD(, resolver_query) waiting;
    uint64_t asked_ms;
    uint64_t wanted_ms; /* when the name was last looked up */
    uint64_t expires_ms;
    uint64_t ttl_ms;
    uint64_t failed_ms; /* the last answer was a failure, then; 0: it was not */
    struct timer refresh;
    size_t count; /* 0: no good answer so far */
    struct address *addresses;
    unsigned borrowed;            /* callbacks that look at it now */
    uint32_t question;            /* the last one */
    enum resolver_result refusal; /* while failing: what to say */
    bool asked; /* the answer is still to come */
    bool failing;
    bool waited; /* for the last question as long as there is need to */
    bool complained; /* the log knows */
    char host[];
};

struct resolver {
    struct loop *loop;
    struct resolver_source source;
    struct timer timer; /* for the oldest question */
    LIST_HEAD(, name) buckets[BUCKETS];
    size_t name_count;
    TAILQ_HEAD(, name) asked; /* the oldest first */
    uint32_t questions;
};

static void on_timer(void *arg);

struct resolver *
resolver_new(struct loop *loop, const struct resolver_source *source)
{
    struct resolver *resolver = calloc(1, sizeof(*resolver));

    if (resolver == NULL)
        return NULL;
    resolver->loop = loop;
    resolver->source = *source;
    TAILQ_INIT(&resolver->asked);
    if (timer_open(&resolver->timer, loop->base, on_timer, resolver))
        return resolver;
    free(resolver);
    return NULL;
}

static void
free_name(struct name *name)
{
    LIST_REMOVE(name, entry);
    timer_close(&name->refresh);
    free(name->addresses);
    free(name);
}

void
resolver_free(struct resolver *resolver)
{
    if (resolver == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        struct name *name;

        while ((name = LIST_FIRST(&resolver->buckets[i])) != NULL) {
            assert(LIST_EMPTY(&name->waiting));
            free_name(name);
        }
    }
    timer_close(&resolver->timer);
    free(resolver);
}

void
resolver_cancel(struct resolver_query *query)
{
    if (query == NULL)
        return;
    LIST_REMOVE(query, entry);
    *query->handle = NULL;
    free(query);
}

static struct resolver_query *
take_first(struct name *name)
{
    struct resolver_query *query = LIST_FIRST(&name->waiting);

    if (query == NULL)
        return NULL;
    LIST_REMOVE(query, entry);
    *query->handle = NULL;
    return query;
}

static void
tell_waiting(struct name *name, enum resolver_result result)
{
    struct resolver_query *query;

    name->borrowed++;
    /* From the front each time: a callback may cancel any other query. */
    while ((query = take_first(name)) != NULL) {
        resolver_done_fn *done = query->done;
        void *arg = query->arg;

        free(query);
        done(arg, result, name->addresses, name->count);
    }
    name->borrowed--;
}

/* When the timer has something to do; UINT64_MAX: never. */
static uint64_t
find_due_ms(const struct resolver *resolver)
{
    uint64_t patience_ms = resolver->source.patience_ms;
    const struct name *name = TAILQ_FIRST(&resolver->asked);
    uint64_t due_ms = UINT64_MAX;

    if (name != NULL && patience_ms > 0)
        due_ms = name->asked_ms + patience_ms;
    while (name != NULL && name->waited)
        name = TAILQ_NEXT(name, asked_entry);
    if (name != NULL && name->asked_ms + resolver->source.wait_ms < due_ms)
        due_ms = name->asked_ms + resolver->source.wait_ms;
    return due_ms;
}

static void
arm_timer(struct resolver *resolver)
{
    uint64_t now_ms = clock_now_ms(), due_ms = find_due_ms(resolver);

    if (due_ms == UINT64_MAX)
        timer_stop(&resolver->timer);
    else
        timer_set(&resolver->timer, due_ms > now_ms ? due_ms - now_ms : 0);
}

static void
put_among_asked(struct name *name)
{
    struct resolver *resolver = name->resolver;

    name->asked_ms = clock_now_ms();
    name->asked = true;
    TAILQ_INSERT_TAIL(&resolver->asked, name, asked_entry);
    arm_timer(resolver);
}

static void
take_from_asked(struct name *name)
{
    struct resolver *resolver = name->resolver;
    bool oldest = TAILQ_FIRST(&resolver->asked) == name;

    if (!name->asked)
        return;
    name->asked = false;
    TAILQ_REMOVE(&resolver->asked, name, asked_entry);
    if (oldest)
        arm_timer(resolver);
}

/* Asks for a new answer in so much time, if the name is in use then. */
static void
refresh_in(struct name *name, uint64_t delay_ms)
{
    if (name->resolver->source.refreshes)
        timer_set(&name->refresh, delay_ms);
}

static uint64_t
bounded(uint64_t value, uint64_t least, uint64_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* Replaces what was known.  False: out of memory. */
static bool
remember(struct name *name, const struct resolver_reply *reply)
{
    const struct resolver_source *source = &name->resolver->source;
    size_t count = reply->count;
    struct address *addresses;

    if (count > RESOLVER_ADDRESSES_MAX)
        count = RESOLVER_ADDRESSES_MAX;
    addresses = calloc(count, sizeof(*addresses));
    if (addresses == NULL)
        return false;
    memcpy(addresses, reply->addresses, count * sizeof(*addresses));
    free(name->addresses);
    name->addresses = addresses;
    name->count = count;
    name->ttl_ms =
        bounded(reply->ttl_ms, source->ttl_least_ms, source->ttl_most_ms);
    name->expires_ms = clock_now_ms() + name->ttl_ms;
    refresh_in(name, name->ttl_ms -
        bounded(name->ttl_ms / AHEAD_PART, AHEAD_LEAST_MS, AHEAD_MOST_MS));
    return true;
}

/* Last good addresses serve on; without any the refusal is kept a while. */
static void
note_failure(struct name *name)
{
    name->failed_ms = clock_now_ms();
    if (name->count == 0)
        name->expires_ms = name->failed_ms + REFUSAL_MS;
    else
        refresh_in(name, REFUSAL_MS);
}

static void
log_change(struct name *name, bool failing, const char *why)
{
    if (failing && !name->complained && why != NULL) {
        log_warn(NULL, "cannot resolve \"%s\": %s%s", name->host, why,
            name->count > 0 ? "; its last good addresses serve on" : "");
        name->complained = true;
    } else if (!failing && name->complained) {
        log_info(NULL, "\"%s\" resolves again", name->host);
        name->complained = false;
    }
}

static void
conclude(struct name *name, const struct resolver_reply *reply)
{
    enum resolver_result result = reply->result;
    const char *why = reply->why;

    if (result == RESOLVER_FOUND && reply->count == 0) {
        result = RESOLVER_UNKNOWN;
        why = "it has no address";
    } else if (result == RESOLVER_FOUND && !remember(name, reply)) {
        result = RESOLVER_FAILED;
        why = "out of memory";
    }
    take_from_asked(name);
    name->failing = result != RESOLVER_FOUND;
    name->refusal = result;
    name->failed_ms = 0;
    if (name->failing)
        note_failure(name);
    log_change(name, name->failing, why);
    tell_waiting(name, name->count > 0 ? RESOLVER_FOUND : result);
}

/* A name that has waited long enough for a new answer; NULL: none. */
static struct name *
find_waited(const struct resolver *resolver, uint64_t now_ms)
{
    struct name *name = TAILQ_FIRST(&resolver->asked);

    while (name != NULL && name->waited)
        name = TAILQ_NEXT(name, asked_entry);
    return name != NULL &&
            name->asked_ms + resolver->source.wait_ms <= now_ms
        ? name
        : NULL;
}

static void
give_up_asked(struct resolver *resolver, uint64_t now_ms)
{
    static const struct resolver_reply nothing = {
        .result = RESOLVER_FAILED,
        .why = "there came no answer",
    };
    uint64_t patience_ms = resolver->source.patience_ms;
    struct name *name;

    while (patience_ms > 0 &&
        (name = TAILQ_FIRST(&resolver->asked)) != NULL &&
        name->asked_ms + patience_ms <= now_ms)
        conclude(name, &nothing);
}

static void
on_timer(void *arg)
{
    struct resolver *resolver = arg;
    uint64_t now_ms = clock_now_ms();
    struct name *name;

    give_up_asked(resolver, now_ms);
    while ((name = find_waited(resolver, now_ms)) != NULL) {
        name->waited = true;
        if (name->count > 0)
            tell_waiting(name, RESOLVER_FOUND);
    }
    arm_timer(resolver);
}

void
resolver_reply(struct resolver *resolver, uint32_t question,
    const struct resolver_reply *reply)
{
    struct name *name;

    LIST_FOREACH(name, &resolver->buckets[question % BUCKETS], entry)
        if (name->question == question)
            break;
    if (name != NULL)
        conclude(name, reply);
}

static uint32_t
bucket_of(const char *host)
{
    uint32_t hash = HASH32_BASIS;

    for (; *host != '\0'; host++)
        hash = hash32_byte(hash, (uint8_t)tolower((uint8_t)*host));
    return (hash ^ hash >> 16) % BUCKETS;
}

static void
ask(struct name *name)
{
    struct resolver *resolver = name->resolver;

    if (name->asked)
        return;
    name->waited = name->failed_ms != 0 &&
        clock_now_ms() - name->failed_ms < FAILING_MS;
    /* From 1: zero is the number of no question. */
    name->question =
        ++resolver->questions << BUCKET_BITS | bucket_of(name->host);
    put_among_asked(name);
    resolver->source.ask(resolver->source.arg, name->question, name->host);
}

static void
on_refresh(void *arg)
{
    struct name *name = arg;
    uint64_t idle_ms = clock_now_ms() - name->wanted_ms;

    if (idle_ms <= IN_USE_MS || idle_ms <= name->ttl_ms)
        ask(name);
}

void
resolver_ask_again(struct resolver *resolver)
{
    struct name *name = TAILQ_FIRST(&resolver->asked), *next;

    for (; name != NULL; name = next) {
        next = TAILQ_NEXT(name, asked_entry);
        resolver->source.ask(
            resolver->source.arg, name->question, name->host);
    }
}

/* The name that is least missed; NULL: each is in use. */
static struct name *
find_least_wanted(const struct resolver *resolver)
{
    struct name *least = NULL, *name;

    for (size_t i = 0; i < BUCKETS; i++)
        LIST_FOREACH(name, &resolver->buckets[i], entry)
            if (!name->asked && LIST_EMPTY(&name->waiting) &&
                name->borrowed == 0 &&
                (least == NULL || name->wanted_ms < least->wanted_ms))
                least = name;
    return least;
}

static bool
make_room(struct resolver *resolver)
{
    struct name *name;

    if (resolver->name_count < RESOLVER_NAMES_MAX)
        return true;
    name = find_least_wanted(resolver);
    if (name == NULL)
        return false;
    free_name(name);
    resolver->name_count--;
    return true;
}

static struct name *
find_name(const struct resolver *resolver, const char *host)
{
    struct name *name;

    LIST_FOREACH(name, &resolver->buckets[bucket_of(host)], entry)
        if (strcasecmp(name->host, host) == 0)
            return name;
    return NULL;
}

static struct name *
find_or_add_name(struct resolver *resolver, const char *host)
{
    size_t length = strlen(host) + 1;
    struct name *name = find_name(resolver, host);

    if (name != NULL)
        return name;
    if (!make_room(resolver))
        return NULL;
    name = calloc(1, sizeof(*name) + length);
    if (name == NULL)
        return NULL;
    if (!timer_open(&name->refresh, resolver->loop->base, on_refresh, name)) {
        free(name);
        return NULL;
    }
    memcpy(name->host, host, length);
    name->resolver = resolver;
    LIST_INSERT_HEAD(&resolver->buckets[bucket_of(host)], name, entry);
    resolver->name_count++;
    return name;
}

uint64_t
resolver_ttl_ms(const struct resolver *resolver, const char *host)
{
    const struct name *name = find_name(resolver, host);
    uint64_t now_ms = clock_now_ms();

    if (name == NULL || name->expires_ms <= now_ms)
        return 0;
    return name->expires_ms - now_ms;
}

void
resolver_expire(struct resolver *resolver)
{
    struct name *name;

    for (size_t i = 0; i < BUCKETS; i++) {
        LIST_FOREACH(name, &resolver->buckets[i], entry) {
            name->expires_ms = 0;
            name->failed_ms = 0;
        }
    }
}

/* True: a good answer, or one that is old and must do. */
static bool
has_answer(struct name *name)
{
    if (name->count == 0)
        return false;
    if (clock_now_ms() < name->expires_ms)
        return true;
    ask(name); /* it may be answered at once */
    return clock_now_ms() < name->expires_ms || !name->asked || name->waited;
}

/* What can be said without waiting.  False: nothing yet. */
static bool
answer_from_memory(struct name *name, resolver_done_fn *done, void *arg)
{
    bool known;

    name->borrowed++;
    known = has_answer(name);
    if (known)
        done(arg, RESOLVER_FOUND, name->addresses, name->count);
    name->borrowed--;
    if (known)
        return true;
    if (name->count > 0 || !name->failing || name->asked ||
        clock_now_ms() >= name->expires_ms)
        return false;
    done(arg, name->refusal, NULL, 0);
    return true;
}

void
resolver_start(struct resolver *resolver, const char *host,
    resolver_done_fn *done, void *arg, struct resolver_query **handle)
{
    struct name *name = find_or_add_name(resolver, host);
    struct resolver_query *query;

    *handle = NULL;
    if (name != NULL) {
        name->wanted_ms = clock_now_ms();
        if (answer_from_memory(name, done, arg))
            return;
    }
    query = name != NULL ? calloc(1, sizeof(*query)) : NULL;
    if (query == NULL) {
        done(arg, RESOLVER_FAILED, NULL, 0);
        return;
    }
    *handle = query;
    query->handle = handle;
    query->done = done;
    query->arg = arg;
    LIST_INSERT_HEAD(&name->waiting, query, entry);
    ask(name);
}
