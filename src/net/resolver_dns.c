#include "net/resolver_dns.h"

#include <ares.h>
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "net/hosts_file.h"
#include "net/loop.h"
#include "net/resolv_conf.h"
#include "net/resolver.h"
#include "net/timer.h"

enum {
    TRIES = 2,
    TRY_TIMEOUT_MS = 2000,
    HOSTS_TTL_S = 3600, /* a change of the file is told */
    TTL_LEAST_MS = 1000, /* TTL 0 must not mean a query per connection */
    WAIT_MS = 800,      /* so that a worker hears of it within a second */
    OWN_NAME_SIZE = 256,
};

/* A socket of c-ares'. */
struct watch {
    SLIST_ENTRY(watch) entry;
    struct resolver_dns *dns;
    struct event *event;
    ares_socket_t fd;
};

struct resolver_dns {
    struct loop *loop;
    struct resolver *resolver;
    ares_channel channel;
    struct timer timer;
    SLIST_HEAD(, watch) watches;
    struct resolv_conf conf;
    char *hosts; /* NULL: empty */
    size_t hosts_length;
    SLIST_HEAD(, question) paused; /* cancelled to be asked again */
    bool pausing;
    bool closing;
};

/* One name, asked for under each of the names that it may stand for. */
struct question {
    SLIST_ENTRY(question) entry; /* among the paused */
    struct resolver_dns *dns;
    uint32_t number;
    size_t candidate; /* which is asked for now */
    bool failed;      /* one before it had no proper answer */
    char host[];
};

static void
arm_dns_timer(struct resolver_dns *dns)
{
    struct timeval next;

    if (ares_timeout(dns->channel, NULL, &next) != NULL)
        timer_set(&dns->timer,
            (uint64_t)next.tv_sec * 1000 +
                ((uint64_t)next.tv_usec + 999) / 1000);
    else
        timer_stop(&dns->timer);
}

static void
on_dns_timer(void *arg)
{
    struct resolver_dns *dns = arg;

    ares_process_fd(dns->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm_dns_timer(dns);
}

static void
on_dns_socket(evutil_socket_t fd, short what, void *arg)
{
    struct resolver_dns *dns = arg;

    ares_process_fd(dns->channel,
        what & EV_READ ? fd : ARES_SOCKET_BAD,
        what & EV_WRITE ? fd : ARES_SOCKET_BAD);
    arm_dns_timer(dns);
}

static void
free_watch(struct watch *watch)
{
    if (watch->event != NULL)
        event_free(watch->event);
    free(watch);
}

static void
drop_watch(struct resolver_dns *dns, ares_socket_t fd)
{
    struct watch *watch;

    SLIST_FOREACH(watch, &dns->watches, entry)
        if (watch->fd == fd)
            break;
    if (watch == NULL)
        return;
    SLIST_REMOVE(&dns->watches, watch, watch, entry);
    free_watch(watch);
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
        (short)(what | EV_PERSIST), on_dns_socket, dns);
    if (watch->event == NULL || event_add(watch->event, NULL) != 0) {
        free_watch(watch);
        return;
    }
    SLIST_INSERT_HEAD(&dns->watches, watch, entry);
}

/* No file and no variable of the environment has a say in it; c-ares opens the
 * device that it numbers its questions by. */
static int
open_channel(struct resolver_dns *dns)
{
    struct ares_options options = {
        .flags = ARES_FLAG_NOSEARCH,
        .tries = TRIES,
        .timeout = TRY_TIMEOUT_MS,
        .ndots = 1,
        .lookups = (char[]){ "b" },
        .resolvconf_path = (char[]){ "/dev/null" },
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = dns,
    };
    int mask = ARES_OPT_FLAGS | ARES_OPT_TRIES | ARES_OPT_TIMEOUTMS |
        ARES_OPT_NDOTS | ARES_OPT_DOMAINS | ARES_OPT_LOOKUPS |
        ARES_OPT_RESOLVCONF | ARES_OPT_SOCK_STATE_CB;

#ifdef ARES_OPT_QUERY_CACHE /* ours is the only one */
    mask |= ARES_OPT_QUERY_CACHE;
#endif
    return ares_init_options(&dns->channel, &options, mask);
}

static void
reply_addresses(struct resolver_dns *dns, uint32_t question,
    const struct ares_addrinfo *found)
{
    struct address addresses[RESOLVER_ADDRESSES_MAX];
    struct resolver_reply reply = {
        .result = RESOLVER_FOUND,
        .addresses = addresses,
        .ttl_ms = SECONDS(HOSTS_TTL_S),
    };

    for (const struct ares_addrinfo_node *node = found->nodes;
         node != NULL && reply.count < COUNT(addresses);
         node = node->ai_next) {
        struct address *address = &addresses[reply.count];
        uint64_t ttl_ms = node->ai_ttl > 0 ? SECONDS(node->ai_ttl) : 0;

        if (node->ai_addrlen > sizeof(address->storage))
            continue;
        memset(address, 0, sizeof(*address));
        memcpy(&address->storage, node->ai_addr, node->ai_addrlen);
        address->length = node->ai_addrlen;
        if (ttl_ms < reply.ttl_ms)
            reply.ttl_ms = ttl_ms;
        reply.count++;
    }
    resolver_reply(dns->resolver, question, &reply);
}

static void
reply_failure(struct question *question, int code)
{
    bool unknown = !question->failed &&
        (code == ARES_ENOTFOUND || code == ARES_ENODATA);
    const struct resolver_reply reply = {
        .result = unknown ? RESOLVER_UNKNOWN : RESOLVER_FAILED,
        .why = ares_strerror(code),
    };

    resolver_reply(question->dns->resolver, question->number, &reply);
}

/* Whether another name may be what was meant: this one does not exist, or those
 * in charge of it cannot tell. */
static bool
goes_on(int code)
{
    return code == ARES_ENOTFOUND || code == ARES_ENODATA ||
        code == ARES_ESERVFAIL || code == ARES_EREFUSED ||
        code == ARES_EFORMERR || code == ARES_EBADNAME;
}

static bool ask_channel(struct question *question);

static void
pause_question(struct question *question)
{
    SLIST_INSERT_HEAD(&question->dns->paused, question, entry);
}

static void
on_found(void *arg, int code, int timeouts, struct ares_addrinfo *found)
{
    struct question *question = arg;
    struct resolver_dns *dns = question->dns;

    (void)timeouts;
    if (dns->pausing && code != ARES_SUCCESS) {
        pause_question(question);
        return;
    }
    if (code == ARES_SUCCESS && found->nodes == NULL)
        code = ARES_ENODATA;
    if (!dns->closing && goes_on(code)) {
        question->failed |= code != ARES_ENOTFOUND && code != ARES_ENODATA;
        question->candidate++;
        if (ask_channel(question))
            return;
    }
    if (!dns->closing && code == ARES_SUCCESS)
        reply_addresses(dns, question->number, found);
    else if (!dns->closing)
        reply_failure(question, code);
    if (found != NULL)
        ares_freeaddrinfo(found);
    free(question);
}

/* False: there is no name left to ask for. */
static bool
ask_channel(struct question *question)
{
    static const struct ares_addrinfo_hints hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
    };
    struct resolver_dns *dns = question->dns;
    char name[RESOLV_NAME_SIZE];

    if (!resolv_conf_candidate(
            &dns->conf, question->host, question->candidate, name))
        return false;
    ares_getaddrinfo(dns->channel, name, NULL, &hints, on_found, question);
    arm_dns_timer(dns);
    return true;
}

static bool
reply_from_hosts(struct resolver_dns *dns, uint32_t number, const char *host)
{
    struct address addresses[RESOLVER_ADDRESSES_MAX];
    const struct resolver_reply reply = {
        .result = RESOLVER_FOUND,
        .addresses = addresses,
        .count = hosts_file_find(dns->hosts, dns->hosts_length, host,
            addresses, COUNT(addresses)),
        .ttl_ms = SECONDS(HOSTS_TTL_S),
    };

    if (reply.count > 0)
        resolver_reply(dns->resolver, number, &reply);
    return reply.count > 0;
}

static void
ask_dns(void *arg, uint32_t number, const char *host)
{
    static const struct resolver_reply no_memory = {
        .result = RESOLVER_FAILED,
        .why = "out of memory",
    };
    struct resolver_dns *dns = arg;
    size_t length = strlen(host) + 1;
    struct question *question;

    if (reply_from_hosts(dns, number, host))
        return;
    question = calloc(1, sizeof(*question) + length);
    if (question == NULL) {
        resolver_reply(dns->resolver, number, &no_memory);
        return;
    }
    question->dns = dns;
    question->number = number;
    memcpy(question->host, host, length);
    if (ask_channel(question))
        return;
    reply_failure(question, ARES_ENOTFOUND);
    free(question);
}

/* False: c-ares cannot ask one of them. */
static bool
set_servers(struct resolver_dns *dns, bool zones)
{
    char list[RESOLV_SERVERS_MAX * (RESOLV_SERVER_SIZE + 1)] = "";
    int code;

    for (size_t i = 0; i < dns->conf.server_count; i++) {
        const char *server = dns->conf.servers[i];

        if (zones || strchr(server, '%') == NULL)
            snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s",
                *list != '\0' ? "," : "", server);
    }
    code = ares_set_servers_csv(dns->channel, list);
    if (code != ARES_SUCCESS)
        log_warn(NULL, "the name servers \"%s\" cannot be asked: %s", list,
            ares_strerror(code));
    return code == ARES_SUCCESS;
}

/* Of c-ares only a channel that is asked nothing takes other servers. */
static void
change_servers(struct resolver_dns *dns)
{
    struct question *question;

    dns->pausing = true;
    ares_cancel(dns->channel);
    dns->pausing = false;
    if (!set_servers(dns, true))
        (void)set_servers(dns, false);
    while ((question = SLIST_FIRST(&dns->paused)) != NULL) {
        SLIST_REMOVE_HEAD(&dns->paused, entry);
        ask_dns(dns, question->number, question->host);
        free(question);
    }
}

bool
resolver_dns_set_files(
    struct resolver_dns *dns, const struct resolver_files *files)
{
    char own_name[OWN_NAME_SIZE] = "";
    char *hosts = malloc(files->hosts_length + 1);

    if (hosts == NULL)
        return false;
    if (files->hosts_length > 0)
        memcpy(hosts, files->hosts, files->hosts_length);
    free(dns->hosts);
    dns->hosts = hosts;
    dns->hosts_length = files->hosts_length;
    (void)gethostname(own_name, sizeof(own_name) - 1);
    resolv_conf_parse(&dns->conf, files->resolv_conf,
        files->resolv_conf_length, own_name);
    resolver_expire(dns->resolver);
    change_servers(dns);
    return true;
}

/* False: out of memory. */
static bool
make_parts(struct resolver_dns *dns)
{
    /* c-ares has its own patience, and always answers in the end. */
    const struct resolver_source source = {
        .ask = ask_dns,
        .arg = dns,
        .wait_ms = WAIT_MS,
        .ttl_least_ms = TTL_LEAST_MS,
        .ttl_most_ms = SECONDS(HOSTS_TTL_S),
        .refreshes = true,
    };

    dns->resolver = resolver_new(dns->loop, &source);
    return dns->resolver != NULL &&
        timer_open(&dns->timer, dns->loop->base, on_dns_timer, dns);
}

struct resolver_dns *
resolver_dns_new(struct loop *loop, struct error *error)
{
    struct resolver_dns *dns = calloc(1, sizeof(*dns));
    int code;

    if (dns == NULL) {
        error_no_memory(error);
        return NULL;
    }
    dns->loop = loop;
    resolv_conf_parse(&dns->conf, "", 0, NULL);
    code = open_channel(dns);
    if (code != ARES_SUCCESS) {
        error_add(error, "cannot start resolving names: %s",
            ares_strerror(code));
        free(dns);
        return NULL;
    }
    if (!make_parts(dns)) {
        error_no_memory(error);
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
    ares_destroy(dns->channel);
    while (!SLIST_EMPTY(&dns->watches))
        drop_watch(dns, SLIST_FIRST(&dns->watches)->fd);
    timer_close(&dns->timer);
    resolver_free(dns->resolver);
    free(dns->hosts);
    free(dns);
}

struct resolver *
resolver_dns_resolver(const struct resolver_dns *dns)
{
    return dns->resolver;
}
