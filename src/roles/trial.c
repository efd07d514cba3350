#include "roles/trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "config/config.h"
#include "config/config_file.h"
#include "config/config_load.h"
#include "ipc/channel.h"
#include "ipc/message_socket.h"
#include "net/listen_table.h"
#include "net/loop.h"
#include "net/names_check.h"
#include "relay/service.h"
#include "relay/services.h"
#include "relay/services_warn.h"
#include "roles/fd_budget.h"
#include "roles/scout_client.h"
#include "sandbox/sandbox.h"
#include "tls/tls_cert_facts.h"
#include "tls/tls_crl_facts.h"
#include "tls/tls_shared.h"
#include "tls/tls_vault.h"

/* What the master has told. */
struct facts {
    struct loop *loop;
    struct channel *channel;
    struct listen_table sockets; /* those that the master has are no descriptors */
    struct error warnings;        /* that the configuration gave rise to */
    bool lost; /* a part of it, for want of memory */
};

/* The master reads as fast as it can; if it does not, it is no more. */
enum { PATIENCE_MS = 10000, AT_ONCE = 64 };

struct judging {
    const char *service;
    struct error *error;
};

/* tls_cert_facts_fn */
static void
judge_end(const struct tls_cert_facts *facts, void *arg)
{
    const struct judging *judging = arg;
    char date[TLS_DATE_SIZE];

    if (!facts->listed && facts->until < time(NULL))
        error_add(judging->error, "%s: certificate %s has expired on %s",
            judging->service, facts->subject,
            tls_certificate_day(facts->until, date));
}

/* False: a certificate has expired that a line names by itself. */
static bool
are_current(
    struct service *const *services, size_t count, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        struct judging judging = { services[i]->config->name, error };

        tls_cert_facts_each(services[i]->accept_context, judge_end, &judging);
        tls_cert_facts_each(services[i]->connect_context, judge_end, &judging);
    }
    return !error_any(error);
}

struct telling {
    struct channel *channel;
    uint32_t service;
    uint32_t accepts;
    size_t told;
};

/* tls_cert_facts_fn */
static void
send_cert(const struct tls_cert_facts *facts, void *arg)
{
    struct telling *telling = arg;
    struct message_cert fixed = {
        .begins = facts->begins,
        .until = facts->until,
        .kind = facts->kind,
        .chain = facts->chain,
        .service = telling->service,
        .accepts = telling->accepts,
    };
    char text[MESSAGE_CERT_TEXT_MAX];
    int length = snprintf(text, sizeof(text), "%s\n%s\n%s\n%s\n%s",
        facts->subject, facts->issuer, facts->serial, facts->key,
        facts->names);

    memcpy(fixed.fingerprint, facts->fingerprint, sizeof(fixed.fingerprint));
    channel_send(telling->channel, MESSAGE_CERT, &fixed, text, (size_t)length,
        NULL, 0);
    if (++telling->told % AT_ONCE == 0)
        (void)!channel_flush(telling->channel, PATIENCE_MS);
}

static void
send_certs_of(const struct tls_context *context, struct telling *telling)
{
    tls_cert_facts_each(context, send_cert, telling);
    tls_crl_facts_each(context, send_cert, telling);
}

static void
send_certs(struct channel *channel, struct service *const *services,
    size_t count)
{
    struct telling telling = { .channel = channel };

    for (size_t i = 0; i < count; i++) {
        telling.service = (uint32_t)i;
        telling.accepts = 1;
        send_certs_of(services[i]->accept_context, &telling);
        telling.accepts = 0;
        send_certs_of(services[i]->connect_context, &telling);
    }
}

/* Files that processes of this generation are not to look at. */
static void
send_left_out(struct channel *channel, const struct tls_shared *shared)
{
    const struct strings *paths = tls_shared_left_out(shared);

    for (size_t i = 0; i < paths->count; i++) {
        channel_send(channel, MESSAGE_LEFT_OUT, NULL, paths->items[i],
            strlen(paths->items[i]), NULL, 0);
        if (i % AT_ONCE == 0)
            (void)!channel_flush(channel, PATIENCE_MS);
    }
}

static bool
make_services(const struct trial *trial, const struct facts *facts,
    struct config *config, struct error *error)
{
    const struct services_spec spec = {
        .config = config,
        .shared = tls_shared_new(true),
        .tries = true,
    };
    struct service **services = services_new(&spec, error);
    size_t count = config->service_count;
    bool ok = services != NULL;

    config_file_warn(config);
    if (ok)
        services_warn(services, count);
    if (ok && trial->strict)
        ok = are_current(services, count, error);
    ok = ok && tls_vault_would_load(config, spec.shared, error);
    if (ok) {
        send_certs(facts->channel, services, count);
        send_left_out(facts->channel, spec.shared);
    }
    services_free(services, count);
    tls_shared_free(spec.shared);
    return ok;
}

/* What the scout does not answer is not known. */
static void
ignore_loss(void *arg)
{
    (void)arg;
}

/* Takes the channel to the scout.  NULL: out of memory. */
static struct names_check *
look_names_up(const struct trial *trial, struct loop *loop,
    const struct config *config, struct error *error)
{
    struct scout_client *client = scout_client_new(loop, ignore_loss, NULL);
    struct names_check *names = NULL;

    if (client != NULL) {
        if (trial->scout_fd >= 0)
            scout_client_connect(client, trial->scout_fd);
        names = names_check_new(
            loop, scout_client_resolver(client), config);
    }
    scout_client_free(client);
    if (names == NULL)
        error_no_memory(error);
    return names;
}

static bool
bind_trial_listeners(const struct trial *trial, struct facts *facts,
    const struct config *config, const struct names_check *names,
    struct error *error)
{
    const struct listen_table_facts needed = {
        .count = trial->workers,
        .names = names,
    };

    return names_check_servers(names, config, error) &&
        listen_table_bind(&facts->sockets, config, &needed, error);
}

/* In this order: what others can see comes last.  All faults of one kind are
 * found, and none is looked for behind one that would explain it. */
static enum message_verdict_ok
try_all(const struct trial *trial, struct facts *facts,
    struct config *config, struct error *error)
{
    struct names_check *names;
    bool ok;

    if (!make_services(trial, facts, config, error))
        return VERDICT_FAULTY;
    if (trial->strict)
        return VERDICT_GOOD;
    if (!fd_budget_raise(config, trial->workers, error))
        return VERDICT_FAULTY;
    names = look_names_up(trial, facts->loop, config, error);
    ok = names != NULL &&
        bind_trial_listeners(trial, facts, config, names, error);
    names_check_free(names);
    return ok ? VERDICT_GOOD : VERDICT_UNABLE;
}

/* In any case: the master removes the paths of those that it drops. */
static void
send_trial_sockets(struct channel *channel, const struct listen_table *sockets)
{
    for (size_t i = 0; i < sockets->count; i++) {
        const struct listen_socket *held = &sockets->items[i];

        if (held->wanted)
            message_socket_send(channel,
                held->socket.fd >= 0 ? MESSAGE_BOUND : MESSAGE_WANTED, held,
                &held->next, true);
        /* What waits takes memory, and a descriptor each. */
        if (i % AT_ONCE == 0 && !channel_flush(channel, PATIENCE_MS))
            break;
    }
}

static void
send_messages(struct channel *channel, enum message_type type,
    const struct error *error)
{
    for (size_t i = 0; i < error->count; i++)
        channel_send(channel, type, NULL, error->messages[i],
            strlen(error->messages[i]), NULL, 0);
}

static void
send_verdict(struct facts *facts, enum message_verdict_ok ok,
    struct error *error)
{
    const struct message_verdict verdict = { .ok = ok };
    struct channel *channel = facts->channel;

    error_sort(error);
    send_messages(channel, MESSAGE_WARNING, &facts->warnings);
    send_messages(channel, MESSAGE_FAULT, error);
    channel_send(channel, MESSAGE_VERDICT, &verdict, NULL, 0, NULL, 0);
}

static void
on_held(void *arg, const struct message *message, const int *fds)
{
    const struct message_socket *fixed = message->payload;
    struct facts *facts = arg;
    struct listener_socket socket;
    struct listen_socket *held = NULL;
    struct socket_use use;

    (void)fds;
    if (message_socket_read(message, -1, &socket, &use) &&
        (held = listen_table_add(&facts->sockets, &socket)) == NULL)
        listener_socket_leave(&socket);
    if (held != NULL)
        held->serves = fixed->serve != 0;
    else
        facts->lost = true;
}

static void
on_try(void *arg, const struct message *message, const int *fds)
{
    struct facts *facts = arg;

    (void)message;
    (void)fds;
    loop_stop(facts->loop);
}

static channel_message_fn *const handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_HELD] = on_held,
    [MESSAGE_TRY] = on_try,
};

static void
on_trial_channel_ended(void *arg, const char *why)
{
    (void)arg;
    (void)why;
    _exit(EXIT_FAILURE);
}

/* Takes `fd`, and hears all that the master has to tell.  False: out of
 * memory. */
static bool
set_up_trial(struct facts *facts, int fd)
{
    facts->loop = loop_new();
    if (facts->loop != NULL)
        facts->channel = channel_new(facts->loop->base, fd, ROLE_TRIAL,
            ROLE_MASTER, handlers, on_trial_channel_ended, facts);
    if (facts->channel == NULL) {
        close(fd);
        return false;
    }
    loop_run(facts->loop);
    return !facts->lost;
}

static void
tear_down_trial(struct facts *facts)
{
    channel_free(facts->channel);
    error_clear(&facts->warnings);
    listen_table_free(&facts->sockets, true);
    loop_free(facts->loop);
}

/* log_hear_fn */
static bool
keep_warning(void *arg, const struct log_warning *warning)
{
    char line[LOG_WARNING_SIZE];
    struct facts *facts = arg;

    error_add(&facts->warnings, "%s", log_warning_line(warning, line));
    return true;
}

/* The sockets are closed before the verdict, because what the master closes next
 * is to be closed. */
static bool
report_verdict(struct facts *facts, enum message_verdict_ok ok,
    struct error *error)
{
    send_trial_sockets(facts->channel, &facts->sockets);
    listen_table_free(&facts->sockets, true);
    send_verdict(facts, ok, error);
    return channel_flush(facts->channel, PATIENCE_MS);
}

void
trial_load(struct trial *trial, struct sandbox_reach *reach)
{
    *reach = (struct sandbox_reach){ .listens = NULL };
    trial->config = config_load_bundle(
        trial->bundle_fd, trial->secrets_fd, &trial->error);
    if (trial->config != NULL && !trial->strict)
        sandbox_reach_of_trial(trial->config, reach);
}

int
trial_run(struct trial *trial, int fd)
{
    struct facts facts = { .lost = false };
    enum message_verdict_ok ok = VERDICT_FAULTY;
    bool told = false;

    if (set_up_trial(&facts, fd)) {
        log_tap_warnings(keep_warning, &facts);
        if (trial->config != NULL)
            ok = try_all(trial, &facts, trial->config, &trial->error);
        told = report_verdict(&facts, ok, &trial->error);
    } else {
        log_error(NULL, "the trial cannot start: out of memory");
    }
    log_tap_warnings(NULL, NULL);
    tear_down_trial(&facts);
    config_unref(trial->config);
    error_clear(&trial->error);
    return told ? EXIT_SUCCESS : EXIT_FAILURE;
}
