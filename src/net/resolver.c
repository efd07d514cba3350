#include "net/resolver.h"

#include <sys/queue.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/loop.h"
#include "net/resolver_names.h"
#include "net/timer.h"

enum {
    REFUSAL_MS = 1000,   /* for so long it is kept */
    FAILING_MS = 5000,   /* a failure this old says nothing about now */
    IN_USE_MS = 60000,   /* since it was wanted last */
    AHEAD_LEAST_MS = 200, /* of an answer's end a new one is asked for */
    AHEAD_MOST_MS = 10000,
    AHEAD_PART = 8,      /* of its time to live */
};

struct resolver_query {
    LIST_ENTRY(resolver_query) entry;
    struct resolver_query **handle;
    resolver_done_fn *done;
    void *arg;
};

struct resolver {
    struct loop *loop;
    struct resolver_source source;
    struct timer timer; /* for the oldest question */
    struct resolver_names names;
    TAILQ_HEAD(, resolver_name) asked; /* the oldest first */
    uint32_t questions;
};

static void on_resolver_timer(void *arg);

struct resolver *
resolver_new(struct loop *loop, const struct resolver_source *source)
{
    struct resolver *resolver = calloc(1, sizeof(*resolver));

    if (resolver == NULL)
        return NULL;
    resolver->loop = loop;
    resolver->source = *source;
    TAILQ_INIT(&resolver->asked);
    if (timer_open(&resolver->timer, loop->base, on_resolver_timer, resolver))
        return resolver;
    free(resolver);
    return NULL;
}

void
resolver_free(struct resolver *resolver)
{
    if (resolver == NULL)
        return;
    resolver_names_clear(&resolver->names);
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
take_first(struct resolver_name *name)
{
    struct resolver_query *query = LIST_FIRST(&name->waiting);

    if (query == NULL)
        return NULL;
    LIST_REMOVE(query, entry);
    *query->handle = NULL;
    return query;
}

static void
tell_waiting(struct resolver_name *name, enum resolver_result result)
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
    const struct resolver_name *name = TAILQ_FIRST(&resolver->asked);
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
arm_resolver_timer(struct resolver *resolver)
{
    uint64_t now_ms = clock_now_ms(), due_ms = find_due_ms(resolver);

    if (due_ms == UINT64_MAX)
        timer_stop(&resolver->timer);
    else
        timer_set(&resolver->timer, due_ms > now_ms ? due_ms - now_ms : 0);
}

static void
put_among_asked(struct resolver_name *name)
{
    struct resolver *resolver = name->resolver;

    name->asked_ms = clock_now_ms();
    name->asked = true;
    TAILQ_INSERT_TAIL(&resolver->asked, name, asked_entry);
    arm_resolver_timer(resolver);
}

static void
take_from_asked(struct resolver_name *name)
{
    struct resolver *resolver = name->resolver;
    bool oldest = TAILQ_FIRST(&resolver->asked) == name;

    if (!name->asked)
        return;
    name->asked = false;
    TAILQ_REMOVE(&resolver->asked, name, asked_entry);
    if (oldest)
        arm_resolver_timer(resolver);
}

/* Asks for a new answer in so much time, if the name is in use then. */
static void
refresh_in(struct resolver_name *name, uint64_t delay_ms)
{
    if (name->resolver->source.refreshes)
        timer_set(&name->refresh, delay_ms);
}

static uint64_t
bound_ms(uint64_t value, uint64_t least, uint64_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* False: out of memory. */
static bool
remember_addresses(struct resolver_name *name,
    const struct resolver_reply *reply)
{
    const struct resolver_source *source = &name->resolver->source;

    if (!resolver_names_keep(name, reply->addresses, reply->count))
        return false;
    name->ttl_ms =
        bound_ms(reply->ttl_ms, source->ttl_least_ms, source->ttl_most_ms);
    name->expires_ms = clock_now_ms() + name->ttl_ms;
    refresh_in(name, name->ttl_ms -
        bound_ms(name->ttl_ms / AHEAD_PART, AHEAD_LEAST_MS, AHEAD_MOST_MS));
    return true;
}

/* Last good addresses serve on; without any the refusal is kept a while. */
static void
note_lookup_failure(struct resolver_name *name)
{
    name->failed_ms = clock_now_ms();
    if (name->count == 0)
        name->expires_ms = name->failed_ms + REFUSAL_MS;
    else
        refresh_in(name, REFUSAL_MS);
}

static void
log_change(struct resolver_name *name, bool failing, const char *why)
{
    if (failing && !name->complained && why != NULL) {
        log_warn(NULL, "cannot resolve \"%s\": %s%s", name->host, why,
            name->count > 0 ? "; still using its last good addresses" : "");
        name->complained = true;
    } else if (!failing && name->complained) {
        log_info(NULL, "\"%s\" resolves again", name->host);
        name->complained = false;
    }
}

static void
conclude_lookup(struct resolver_name *name, const struct resolver_reply *reply)
{
    enum resolver_result result = reply->result;
    const char *why = reply->why;

    if (result == RESOLVER_FOUND && reply->count == 0) {
        result = RESOLVER_UNKNOWN;
        why = "it has no address";
    } else if (result == RESOLVER_FOUND && !remember_addresses(name, reply)) {
        result = RESOLVER_FAILED;
        why = "out of memory";
    }
    take_from_asked(name);
    name->failing = result != RESOLVER_FOUND;
    name->refusal = result;
    name->failed_ms = 0;
    if (name->failing)
        note_lookup_failure(name);
    log_change(name, name->failing, why);
    tell_waiting(name, name->count > 0 ? RESOLVER_FOUND : result);
}

/* A name that has waited long enough for a new answer; NULL: none. */
static struct resolver_name *
find_waited(const struct resolver *resolver, uint64_t now_ms)
{
    struct resolver_name *name = TAILQ_FIRST(&resolver->asked);

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
    struct resolver_name *name;

    while (patience_ms > 0 &&
        (name = TAILQ_FIRST(&resolver->asked)) != NULL &&
        name->asked_ms + patience_ms <= now_ms)
        conclude_lookup(name, &nothing);
}

static void
on_resolver_timer(void *arg)
{
    struct resolver *resolver = arg;
    uint64_t now_ms = clock_now_ms();
    struct resolver_name *name;

    give_up_asked(resolver, now_ms);
    while ((name = find_waited(resolver, now_ms)) != NULL) {
        name->waited = true;
        if (name->count > 0)
            tell_waiting(name, RESOLVER_FOUND);
    }
    arm_resolver_timer(resolver);
}

void
resolver_reply(struct resolver *resolver, uint32_t question,
    const struct resolver_reply *reply)
{
    struct resolver_name *name = resolver_names_asked(&resolver->names, question);

    if (name != NULL)
        conclude_lookup(name, reply);
}

static void
ask_source(struct resolver_name *name)
{
    struct resolver *resolver = name->resolver;

    if (name->asked)
        return;
    name->waited = name->failed_ms != 0 &&
        clock_now_ms() - name->failed_ms < FAILING_MS;
    /* From 1: zero is the number of no question. */
    resolver_names_number(name, ++resolver->questions);
    put_among_asked(name);
    resolver->source.ask(resolver->source.arg, name->question, name->host);
}

static void
on_refresh(void *arg)
{
    struct resolver_name *name = arg;
    uint64_t idle_ms = clock_now_ms() - name->wanted_ms;

    if (idle_ms <= IN_USE_MS || idle_ms <= name->ttl_ms)
        ask_source(name);
}

void
resolver_ask_again(struct resolver *resolver)
{
    struct resolver_name *name = TAILQ_FIRST(&resolver->asked), *next;

    for (; name != NULL; name = next) {
        next = TAILQ_NEXT(name, asked_entry);
        resolver->source.ask(
            resolver->source.arg, name->question, name->host);
    }
}

static struct resolver_name *
find_or_add_name(struct resolver *resolver, const char *host)
{
    struct resolver_name *name = resolver_names_find(&resolver->names, host);

    if (name != NULL)
        return name;
    name = resolver_names_add(&resolver->names, host);
    if (name == NULL)
        return NULL;
    name->resolver = resolver;
    if (timer_open(&name->refresh, resolver->loop->base, on_refresh, name))
        return name;
    resolver_names_remove(&resolver->names, name);
    return NULL;
}

uint64_t
resolver_ttl_ms(const struct resolver *resolver, const char *host)
{
    const struct resolver_name *name =
        resolver_names_find(&resolver->names, host);
    uint64_t now_ms = clock_now_ms();

    if (name == NULL || name->expires_ms <= now_ms)
        return 0;
    return name->expires_ms - now_ms;
}

void
resolver_expire(struct resolver *resolver)
{
    resolver_names_expire(&resolver->names);
}

/* True: a good answer, or one that is old and must do. */
static bool
has_answer(struct resolver_name *name)
{
    if (name->count == 0)
        return false;
    if (clock_now_ms() < name->expires_ms)
        return true;
    ask_source(name); /* it may be answered at once */
    return clock_now_ms() < name->expires_ms || !name->asked || name->waited;
}

/* What can be said without waiting.  False: nothing yet. */
static bool
answer_from_memory(struct resolver_name *name, resolver_done_fn *done, void *arg)
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
    struct resolver_name *name = find_or_add_name(resolver, host);
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
    ask_source(name);
}
