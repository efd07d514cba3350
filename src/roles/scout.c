#include "roles/scout.h"

#include <sys/queue.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "config/config_fault.h"
#include "config/config_host.h"
#include "ipc/channel.h"
#include "ipc/message.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "net/resolver_dns.h"
#include "net/resolver_files.h"
#include "roles/heartbeat.h"
#include "roles/log_message.h"

struct scout {
    struct loop *loop;
    struct resolver_dns *dns;
    struct resolver *resolver;
    struct channel *master;
    LIST_HEAD(, scout_link) links;
    struct heartbeat heartbeat;
};

/* To one worker. */
struct scout_link {
    LIST_ENTRY(scout_link) entry;
    struct scout *scout;
    struct channel *channel;
    LIST_HEAD(, question) questions;
    size_t question_count;
};

struct question {
    LIST_ENTRY(question) entry;
    struct scout_link *link;
    struct resolver_query *query;
    uint32_t number; /* the worker's */
    char host[];
};

static void
free_question(struct question *question)
{
    resolver_cancel(question->query);
    LIST_REMOVE(question, entry);
    question->link->question_count--;
    free(question);
}

static void
free_scout_link(struct scout_link *link)
{
    struct question *question;

    channel_free(link->channel);
    while ((question = LIST_FIRST(&link->questions)) != NULL)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it is off the list */
        free_question(question);
    LIST_REMOVE(link, entry);
    free(link);
}

static void
send_resolved(struct scout_link *link, uint32_t number,
    enum resolver_result result, uint64_t ttl_ms,
    const struct address *addresses, size_t count)
{
    const struct message_resolved resolved = {
        .query = number,
        .result = result,
        .ttl_ms = (uint32_t)ttl_ms,
        .count = (uint32_t)count,
    };

    channel_send(link->channel, MESSAGE_RESOLVED, &resolved,
        (const char *)addresses, count * sizeof(*addresses), NULL, 0);
}

static void
on_done(void *arg, enum resolver_result result,
    const struct address *addresses, size_t count)
{
    struct question *question = arg;
    struct resolver *resolver = question->link->scout->resolver;

    send_resolved(question->link, question->number, result,
        resolver_ttl_ms(resolver, question->host), addresses, count);
    free_question(question);
}

static struct question *
new_question(struct scout_link *link, uint32_t number, const char *host)
{
    size_t length = strlen(host) + 1;
    struct question *question;

    if (link->question_count == SCOUT_QUERIES_MAX)
        return NULL;
    question = calloc(1, sizeof(*question) + length);
    if (question == NULL)
        return NULL;
    question->link = link;
    question->number = number;
    memcpy(question->host, host, length);
    LIST_INSERT_HEAD(&link->questions, question, entry);
    link->question_count++;
    return question;
}

bool
scout_knows_form(const char *host)
{
    struct host parsed;
    struct fault fault;

    return config_host_parse(&parsed, host, &fault) &&
        parsed.kind == HOST_NAME;
}

static void
on_resolve(void *arg, const struct message *message, const int *fds)
{
    const struct message_resolve *resolve = message->payload;
    struct question *question;
    struct scout_link *link = arg;

    (void)fds;
    if (!scout_knows_form(message->text)) {
        log_error(NULL, "a worker sent what is no host name; the scout closes "
                        "the channel to it");
        free_scout_link(link);
        return;
    }
    question = new_question(link, resolve->query, message->text);
    if (question == NULL) {
        send_resolved(link, resolve->query, RESOLVER_FAILED, 0, NULL, 0);
        return;
    }
    resolver_start(link->scout->resolver, question->host, on_done, question,
        &question->query);
}

static channel_message_fn *const worker_handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_RESOLVE] = on_resolve,
};

static void
on_scout_link_ended(void *arg, const char *why)
{
    struct scout_link *link = arg;

    if (channel_is_offended(link->channel))
        log_error(NULL, "a worker %s; the scout closes the channel to it", why);
    else
        log_debug(NULL, "worker %s", why);
    free_scout_link(link);
}

/* Brings a channel to a worker. */
static void
on_scout_link(void *arg, const struct message *message, const int *fds)
{
    struct scout_link *link = calloc(1, sizeof(*link));
    struct scout *scout = arg;

    (void)message;
    if (link != NULL)
        link->channel = channel_new(scout->loop->base, fds[0], ROLE_SCOUT,
            ROLE_WORKER, worker_handlers, on_scout_link_ended, link);
    if (link == NULL || link->channel == NULL) {
        log_error(NULL, "cannot open a channel to a worker: out of memory");
        close(fds[0]);
        free(link);
        return;
    }
    link->scout = scout;
    LIST_INSERT_HEAD(&scout->links, link, entry);
}

/* What is in force stays so if this cannot be taken over. */
static void
on_names(void *arg, const struct message *message, const int *fds)
{
    const struct scout *scout = arg;
    struct error error = { 0 };

    (void)message;
    if (!resolver_files_adopt(fds[0], scout->dns, &error))
        log_error(NULL, "cannot reload the files by which names are resolved, "
            "keeping the previous ones: %s",
            error_first(&error));
    error_clear(&error);
    close(fds[0]);
}

static channel_message_fn *const master_handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_SCOUT] = on_scout_link,
    [MESSAGE_NAMES] = on_names,
    [MESSAGE_LOG] = log_message_on,
};

static void
on_scout_master_ended(void *arg, const char *why)
{
    struct scout *scout = arg;

    log_debug(NULL, "master %s", why);
    heartbeat_stop(&scout->heartbeat);
    channel_free(scout->master);
    scout->master = NULL;
    loop_stop(scout->loop);
}

static void
free_scout(struct scout *scout)
{
    struct scout_link *link;

    if (scout == NULL)
        return;
    while ((link = LIST_FIRST(&scout->links)) != NULL)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it is off the list */
        free_scout_link(link);
    heartbeat_stop(&scout->heartbeat);
    channel_free(scout->master);
    resolver_dns_free(scout->dns);
    loop_free(scout->loop);
    free(scout);
}

struct scout *
scout_new(struct error *error)
{
    struct scout *scout = calloc(1, sizeof(*scout));

    if (scout != NULL)
        scout->loop = loop_new();
    if (scout == NULL || scout->loop == NULL) {
        error_add(error, "cannot make an event loop");
        free_scout(scout);
        return NULL;
    }
    scout->dns = resolver_dns_new(scout->loop, error);
    if (scout->dns == NULL) {
        free_scout(scout);
        return NULL;
    }
    scout->resolver = resolver_dns_resolver(scout->dns);
    return scout;
}

static void
run_scout_loop(struct scout *scout)
{
    if (!heartbeat_start(&scout->heartbeat, scout->loop->base, scout->master))
        log_error(NULL, "the scout sends no heartbeat: out of memory");
    channel_send(scout->master, MESSAGE_READY, NULL, NULL, 0, NULL, 0);
    loop_run(scout->loop);
}

int
scout_run(struct scout *scout, int master_fd)
{
    bool ready;

    scout->master = channel_new(scout->loop->base, master_fd, ROLE_SCOUT,
        ROLE_MASTER, master_handlers, on_scout_master_ended, scout);
    ready = scout->master != NULL;
    if (ready) {
        run_scout_loop(scout);
    } else {
        log_error(NULL, "the scout cannot start: out of memory");
        close(master_fd);
    }
    free_scout(scout);
    return ready ? EXIT_SUCCESS : EXIT_FAILURE;
}
