#include "master/ticket_secret.h"

#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "config/config.h"
#include "files/watch.h"
#include "ipc/message.h"
#include "master/child.h"
#include "master/generation.h"
#include "tls/tls_ticket_secrets.h"

bool
ticket_secret_prepare(const struct ticket_secret *secret,
    const struct config *config, struct tls_ticket_secrets *next,
    struct error *error)
{
    *next = (struct tls_ticket_secrets){ .count = 0 };
    return tls_ticket_secrets_read(
        config, secret->parts.own, next, error);
}

static bool
is_in_force(const struct ticket_secret *secret,
    const struct tls_ticket_secrets *next)
{
    const struct tls_ticket_secrets *now = &secret->now;

    return now->count == next->count &&
        memcmp(now->items, next->items,
            next->count * sizeof(next->items[0])) == 0;
}

static void
send_to_workers(const struct ticket_secret *secret)
{
    struct message_tickets fixed = { .secrets = secret->now };
    struct child *each;

    LIST_FOREACH(each, &secret->parts.children->list, link)
        if (each->role == ROLE_WORKER)
            child_send(each, MESSAGE_TICKETS, &fixed, NULL, 0, -1);
    explicit_bzero(&fixed, sizeof(fixed));
}

void
ticket_secret_commit(
    struct ticket_secret *secret, const struct tls_ticket_secrets *next)
{
    uint32_t version = secret->now.version;

    if (is_in_force(secret, next))
        return;
    secret->now = *next;
    secret->now.version = version + 1;
    send_to_workers(secret);
}

/* To open a file whose file system does not answer would hold up the master. */
static bool
file_system_answers(const struct ticket_secret *secret)
{
    struct strings silent = { 0 };
    bool does =
        watch_silent(secret->watch, &silent) && silent.count == 0;

    strings_clear(&silent);
    return does;
}

static void
on_secret_changed(void *arg)
{
    struct ticket_secret *secret = arg;
    const struct config *config = secret->parts.generations->current.config;
    struct tls_ticket_secrets next;
    struct error error = { 0 };

    if (config == NULL || !file_system_answers(secret))
        return;
    if (!ticket_secret_prepare(secret, config, &next, &error)) {
        for (size_t i = 0; i < error.count; i++)
            log_error(NULL, "cannot take over the changed secret of session "
                "tickets, keeping the previous one: %s", error.messages[i]);
    } else if (!is_in_force(secret, &next)) {
        ticket_secret_commit(secret, &next);
        log_info(NULL, "the secret of session tickets is another one now");
    }
    error_clear(&error);
    explicit_bzero(&next, sizeof(next));
}

void
ticket_secret_watch(
    struct ticket_secret *secret, const struct config *config)
{
    char *path = config->global.watch ? config->global.ticket_secret : NULL;

    if (path == NULL) {
        watch_free(secret->watch);
        secret->watch = NULL;
        return;
    }
    if (secret->watch == NULL)
        secret->watch = watch_new(secret->parts.base, on_secret_changed, secret);
    if (secret->watch == NULL || !watch_set(secret->watch, &path, 1))
        log_error(NULL, "%s is not watched: out of memory", path);
}

void
ticket_secret_stop(struct ticket_secret *secret)
{
    watch_free(secret->watch);
    secret->watch = NULL;
    explicit_bzero(&secret->now, sizeof(secret->now));
}
