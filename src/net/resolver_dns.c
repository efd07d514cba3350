#include "net/resolver_dns.h"

#include <ares.h>
#include <event2/event.h>
#include <netdb.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "net/loop.h"
#include "net/resolver.h"

enum {
    TRIES = 2,
    TRY_TIMEOUT_MS = 2000,
    REFRESH_S = 30, /* longer than a question takes with three servers */
};

/* A socket of c-ares'. */
struct watch {
    struct watch *next;
    struct resolver_dns *dns;
    struct event *event;
    ares_socket_t fd;
};

struct resolver_dns {
    struct loop *loop;
    struct resolver *resolver;
    ares_channel channel;
    struct event *timer;
    struct watch *watches;
    size_t in_flight;
    struct loop_task refresh;
    uint64_t refreshed_ms;
    bool closing;
};

struct question {
    struct resolver_dns *dns;
    uint32_t number;
    char host[];
};

static void
arm_timer(struct resolver_dns *dns)
{
    struct timeval next;

    if (ares_timeout(dns->channel, NULL, &next) != NULL)
        event_add(dns->timer, &next);
    else
        event_del(dns->timer);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct resolver_dns *dns = arg;

    (void)fd;
    (void)what;
    ares_process_fd(dns->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm_timer(dns);
}

static void
on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct resolver_dns *dns = arg;

    ares_process_fd(dns->channel,
        what & EV_READ ? fd : ARES_SOCKET_BAD,
        what & EV_WRITE ? fd : ARES_SOCKET_BAD);
    arm_timer(dns);
}

static void
drop_watch(struct resolver_dns *dns, ares_socket_t fd)
{
    for (struct watch **link = &dns->watches; *link != NULL;
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
    struct resolver_dns *dns = arg;
    short what = (short)((readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
    struct watch *watch;

    drop_watch(dns, fd);
    if (what == 0 || (watch = calloc(1, sizeof(*watch))) == NULL)
        return; /* out of memory: c-ares' own timeout ends the query */
    watch->fd = fd;
    watch->event = event_new(dns->loop->base, fd,
        (short)(what | EV_PERSIST), on_socket, dns);
    if (watch->event == NULL) {
        free(watch);
        return;
    }
    watch->next = dns->watches;
    dns->watches = watch;
    event_add(watch->event, NULL);
}

static int
open_channel(struct resolver_dns *dns, ares_channel *channel)
{
    struct ares_options options = {
        .tries = TRIES,
        .timeout = TRY_TIMEOUT_MS,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = dns,
    };

    return ares_init_options(channel, &options,
        ARES_OPT_TRIES | ARES_OPT_TIMEOUTMS | ARES_OPT_SOCK_STATE_CB);
}

/* c-ares reads resolv.conf(5) once; a daemon that started before the network
 * was there would ask the wrong servers for ever.  Where many ask, there may
 * never be a moment without a question: then all are asked again. */
static void
refresh(void *arg)
{
    struct resolver_dns *dns = arg;
    ares_channel fresh, old = dns->channel;
    uint64_t now_ms = clock_now_ms();

    if (dns->in_flight > 0 && dns->refreshed_ms != 0 &&
        now_ms - dns->refreshed_ms < SECONDS(REFRESH_S))
        return;
    if (open_channel(dns, &fresh) != ARES_SUCCESS)
        return;
    dns->refreshed_ms = now_ms;
    dns->channel = fresh;
    ares_destroy(old); /* last: on_found() asks the fresh one */
}

static void
reply_failure(struct resolver_dns *dns, uint32_t question, int code)
{
    bool unknown = code == ARES_ENOTFOUND || code == ARES_ENODATA;
    struct resolver_reply reply = {
        .result = unknown ? RESOLVER_UNKNOWN : RESOLVER_FAILED,
        .why = ares_strerror(code),
    };

    if (!unknown)
        loop_defer(dns->loop, &dns->refresh);
    resolver_reply(dns->resolver, question, &reply);
}

static void
reply_addresses(struct resolver_dns *dns, uint32_t question,
    const struct ares_addrinfo *found)
{
    struct address addresses[RESOLVER_ADDRESSES_MAX];
    struct resolver_reply reply = {
        .result = RESOLVER_FOUND,
        .addresses = addresses,
        .ttl_s = UINT32_MAX,
    };

    for (const struct ares_addrinfo_node *node = found->nodes;
         node != NULL && reply.count < COUNT(addresses);
         node = node->ai_next) {
        struct address *address = &addresses[reply.count];
        uint32_t ttl_s = node->ai_ttl > 0 ? (uint32_t)node->ai_ttl : 0;

        if (node->ai_addrlen > sizeof(address->storage))
            continue;
        memset(address, 0, sizeof(*address));
        memcpy(&address->storage, node->ai_addr, node->ai_addrlen);
        address->length = node->ai_addrlen;
        if (ttl_s < reply.ttl_s)
            reply.ttl_s = ttl_s;
        reply.count++;
    }
    resolver_reply(dns->resolver, question, &reply);
}

static void ask_channel(struct question *question);

static void
on_found(void *arg, int code, int timeouts, struct ares_addrinfo *found)
{
    struct question *question = arg;
    struct resolver_dns *dns = question->dns;

    (void)timeouts;
    dns->in_flight--;
    if (code == ARES_EDESTRUCTION && !dns->closing) {
        ask_channel(question);
        return;
    }
    if (code == ARES_SUCCESS && found->nodes == NULL)
        code = ARES_ENODATA;
    if (!dns->closing && code == ARES_SUCCESS)
        reply_addresses(dns, question->number, found);
    else if (!dns->closing)
        reply_failure(dns, question->number, code);
    if (found != NULL)
        ares_freeaddrinfo(found);
    free(question);
}

static void
ask_channel(struct question *question)
{
    static const struct ares_addrinfo_hints hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
    };
    struct resolver_dns *dns = question->dns;

    dns->in_flight++;
    ares_getaddrinfo(
        dns->channel, question->host, NULL, &hints, on_found, question);
    arm_timer(dns);
}

static void
ask(void *arg, uint32_t number, const char *host)
{
    size_t length = strlen(host) + 1;
    struct question *question = malloc(sizeof(*question) + length);

    if (question == NULL) {
        reply_failure(arg, number, ARES_ENOMEM);
        return;
    }
    question->dns = arg;
    question->number = number;
    memcpy(question->host, host, length);
    ask_channel(question);
}

/* False: out of memory. */
static bool
make_parts(struct resolver_dns *dns)
{
    /* c-ares has its own patience, and always answers in the end. */
    const struct resolver_source source = { .ask = ask, .arg = dns };

    dns->timer = evtimer_new(dns->loop->base, on_timer, dns);
    dns->resolver = resolver_new(dns->loop, &source);
    return dns->timer != NULL && dns->resolver != NULL;
}

struct resolver_dns *
resolver_dns_new(struct loop *loop, struct error *error)
{
    struct resolver_dns *dns = calloc(1, sizeof(*dns));
    int code;

    if (dns == NULL) {
        error_add(error, "out of memory");
        return NULL;
    }
    dns->loop = loop;
    dns->refresh = (struct loop_task){ .run = refresh, .arg = dns };
    code = open_channel(dns, &dns->channel);
    if (code != ARES_SUCCESS) {
        error_add(error, "cannot start resolving names: %s; see "
                         "/etc/resolv.conf", ares_strerror(code));
        free(dns);
        return NULL;
    }
    if (!make_parts(dns)) {
        error_add(error, "out of memory");
        resolver_dns_free(dns);
        return NULL;
    }
    return dns;
}

void
resolver_dns_free(struct resolver_dns *dns)
{
    if (dns == NULL)
        return;
    dns->closing = true;
    loop_cancel(dns->loop, &dns->refresh);
    ares_destroy(dns->channel);
    while (dns->watches != NULL)
        drop_watch(dns, dns->watches->fd);
    if (dns->timer != NULL)
        event_free(dns->timer);
    resolver_free(dns->resolver);
    free(dns);
}

struct resolver *
resolver_dns_resolver(const struct resolver_dns *dns)
{
    return dns->resolver;
}
