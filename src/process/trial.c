#include "process/trial.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "config/config_load.h"
#include "net/loop.h"
#include "net/resolver_dns.h"
#include "process/channel.h"
#include "process/names_check.h"
#include "process/socket_message.h"
#include "process/sockets.h"
#include "process/worker_limit.h"
#include "relay/service.h"
#include "tls/tls_dates.h"
#include "tls/tls_vault.h"

/* The master reads as fast as it can; if it does not, it is no more. */
enum { PATIENCE_MS = 10000, AT_ONCE = 64 };

static bool
are_current(
    struct service *const *services, size_t count, struct error *error)
{
    bool ok = true;

    for (size_t i = 0; i < count; i++) {
        const struct service *service = services[i];
        const char *name = service->config->name;

        ok &= tls_dates_are_good(service->accept_context, name, error);
        ok &= tls_dates_are_good(service->connect_context, name, error);
    }
    return ok;
}

static bool
make_services(const struct trial *trial, struct config *config,
    struct error *error)
{
    const struct services_spec spec = { .config = config };
    struct service **services = services_new(&spec, error);
    size_t count = config->service_count;
    bool ok = services != NULL;

    if (ok && trial->strict)
        ok = are_current(services, count, error);
    ok = ok && tls_vault_would_load(config, error);
    services_free(services, count);
    return ok;
}

static bool
check_names(
    const struct config *config, struct loop *loop, struct error *error)
{
    struct resolver_dns *dns = resolver_dns_new(loop, error);
    bool ok = dns != NULL &&
        names_check(loop, resolver_dns_resolver(dns), config, error);

    resolver_dns_free(dns);
    return ok;
}

/* In this order: what others can see comes last.  All faults of one kind are
 * found, and none is looked for behind one that would explain it. */
static bool
try_all(const struct trial *trial, struct config *config,
    struct loop *loop, struct error *error)
{
    if (!make_services(trial, config, error))
        return false;
    return trial->strict ||
        (worker_limit_raise(config, trial->workers, error) &&
            check_names(config, loop, error) &&
            sockets_bind(trial->sockets, config, trial->workers, error));
}

static void
send_sockets(struct channel *channel, const struct sockets *sockets)
{
    for (size_t i = 0; i < sockets->count; i++) {
        if (sockets->items[i].wanted)
            socket_message_send(channel, MESSAGE_BOUND, &sockets->items[i],
                &sockets->items[i].next, true);
        /* What waits takes memory, and a descriptor each. */
        if (i % AT_ONCE == 0 && !channel_flush(channel, PATIENCE_MS))
            break;
    }
}

static void
send_verdict(struct channel *channel, bool ok, const struct error *error)
{
    const struct message_verdict verdict = { .ok = ok };

    for (size_t i = 0; i < error->count; i++)
        channel_send(channel, MESSAGE_FAULT, NULL, error->messages[i],
            strlen(error->messages[i]), NULL, 0);
    channel_send(channel, MESSAGE_VERDICT, &verdict, NULL, 0, NULL, 0);
}

static void
ignore_message(void *arg, const struct message *message, const int *fds)
{
    (void)arg;
    (void)message;
    (void)fds;
}

static void
on_ended(void *arg, const char *why)
{
    (void)arg;
    (void)why;
    _exit(EXIT_FAILURE);
}

static int
report(const struct trial *trial, struct loop *loop, int fd, bool ok,
    struct error *error)
{
    struct channel *channel = channel_new(loop->base, fd, ROLE_TRIAL,
        ROLE_MASTER, ignore_message, on_ended, NULL);
    bool sent;

    if (channel == NULL) {
        close(fd);
        return EXIT_FAILURE;
    }
    /* Sent in any case: the master removes the paths of those it drops.  Then
     * closed, because what the master closes next is to be closed. */
    send_sockets(channel, trial->sockets);
    sockets_free(trial->sockets, true);
    send_verdict(channel, ok, error);
    sent = channel_flush(channel, PATIENCE_MS);
    channel_free(channel);
    return sent ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
trial_run(void *arg, unsigned slot, int fd)
{
    const struct trial *trial = arg;
    struct error error = { 0 };
    struct loop *loop = loop_new();
    struct config *config =
        config_load_bundle(trial->bundle_fd, trial->secrets_fd, &error);
    int code = EXIT_FAILURE;
    bool ok;

    (void)slot;
    if (loop != NULL) {
        ok = config != NULL && try_all(trial, config, loop, &error);
        code = report(trial, loop, fd, ok, &error);
    }
    config_unref(config);
    loop_free(loop);
    error_clear(&error);
    return code;
}
