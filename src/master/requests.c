#include "master/requests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/status_facts.h"
#include "base/error.h"
#include "base/log.h"
#include "base/scoreboard.h"
#include "base/version.h"
#include "config/config.h"
#include "master/child.h"
#include "master/master_internal.h"
#include "master/reload.h"
#include "master/upgrade.h"
#include "sandbox/sandbox.h"

/* More than the admin has clients. */
enum { REQUESTS_MAX = 64 };

static void
reply(struct child *admin, uint32_t number, uint32_t code, bool more,
    const char *text)
{
    const struct message_reply fixed = {
        .request = number,
        .code = code,
        .more = more,
    };
    size_t length = strlen(text);

    if (length > MESSAGE_REPLY_MAX)
        length = MESSAGE_REPLY_MAX;
    child_send(admin, MESSAGE_REPLY, &fixed, text, length, -1);
}

static void
answer(const struct request *request, const char *text,
    const struct error *error)
{
    char line[MESSAGE_REPLY_MAX];

    if (!error_any(error)) {
        reply(request->admin, request->number, REPLY_DONE, false, text);
        return;
    }
    if (error->count == 0)
        reply(request->admin, request->number, REPLY_FAILED, false,
            "out of memory\n");
    for (size_t i = 0; i < error->count; i++) {
        snprintf(line, sizeof(line), "%s\n", error->messages[i]);
        reply(request->admin, request->number, REPLY_FAILED,
            i + 1 < error->count, line);
    }
}

typedef bool fits_fn(const struct request *request, int verb);

/* Takes the first that fits out of the list, for the caller to free.  NULL: none
 * does. */
static struct request *
take_first(struct master *master, fits_fn *fits, int verb)
{
    struct request **link = &master->requests;
    struct request *request;

    while (*link != NULL && !fits(*link, verb))
        link = &(*link)->next;
    request = *link;
    if (request != NULL)
        *link = request->next;
    return request;
}

/* Answers those that fit. */
static void
settle(struct master *master, fits_fn *fits, int verb, const char *text,
    const struct error *error)
{
    struct request *request;

    while ((request = take_first(master, fits, verb)) != NULL) {
        answer(request, text, error);
        free(request);
    }
}

static bool
asks_for(const struct request *request, int verb)
{
    return (int)request->verb == verb;
}

static bool
has_begun(const struct request *request, int verb)
{
    return request->begun && asks_for(request, verb);
}

static bool
is_any(const struct request *request, int verb)
{
    (void)request;
    (void)verb;
    return true;
}

void
requests_begin(struct master *master, enum request_verb verb)
{
    for (struct request *each = master->requests; each != NULL;
         each = each->next)
        if (each->verb == verb)
            each->begun = true;
}

void
requests_finish(struct master *master, enum request_verb verb,
    const char *text, const struct error *error)
{
    settle(master, has_begun, (int)verb, text, error);
}

bool
requests_redirect(struct master *master, enum request_verb verb)
{
    struct request *request;
    bool any = false;

    while ((request = take_first(master, asks_for, (int)verb)) != NULL) {
        reply(request->admin, request->number, REPLY_AGAIN, false, "");
        free(request);
        any = true;
    }
    return any;
}

void
requests_fail_all(struct master *master, const char *why)
{
    struct error error = { 0 };

    error_add(&error, "%s", why);
    settle(master, is_any, 0, "", &error);
    error_clear(&error);
}

void
requests_forget(struct master *master, const struct child *admin)
{
    struct request **link = &master->requests;

    while (*link != NULL) {
        struct request *request = *link;

        if (request->admin != admin) {
            link = &request->next;
            continue;
        }
        *link = request->next;
        free(request);
    }
}

/* False: it was refused. */
static bool
wait_for(struct child *admin, const struct message_request *asked)
{
    struct master *master = admin->master;
    struct request *request = NULL;
    size_t waiting = 0;

    for (request = master->requests; request != NULL; request = request->next)
        waiting++;
    if (waiting < REQUESTS_MAX)
        request = calloc(1, sizeof(*request));
    if (request == NULL) {
        reply(admin, asked->request, REPLY_FAILED, false,
            "too many wait already\n");
        return false;
    }
    *request = (struct request){
        .next = master->requests,
        .admin = admin,
        .number = asked->request,
        .verb = asked->verb,
    };
    master->requests = request;
    return true;
}

static void
set_sandbox(struct status_facts *facts, const struct master *master)
{
    static const char *const modes[] = {
        [SANDBOX_ON] = "on", [SANDBOX_KILL] = "kill", [SANDBOX_OFF] = "off",
    };
    char missing[SANDBOX_MISSING_SIZE] = "";

    if (master->sandbox != SANDBOX_OFF)
        (void)sandbox_missing(missing);
    if (supervisor_reaches_anywhere(master))
        sandbox_add_missing(missing,
            "where to some workers connect, until an upgrade");
    STATUS_FACTS_SET(facts->sandbox, modes[master->sandbox]);
    STATUS_FACTS_SET(facts->not_enforced, missing);
}

static void
tell_status(struct child *admin, uint32_t number)
{
    const struct master *master = admin->master;
    struct status_facts facts = {
        .pid = (uint64_t)getpid(),
        .started_ms = master->started_ms,
        .generation = master->generation,
        .workers = master->workers,
        .reload = master->reload_state,
        .reload_s = (uint64_t)master->reload_s,
    };
    char text[STATUS_FACTS_SIZE];

    STATUS_FACTS_SET(facts.version, SALLYPORT_VERSION);
    STATUS_FACTS_SET(facts.config,
        master->source->path != NULL ? master->source->path : "");
    STATUS_FACTS_SET(facts.reload_text, master->reload_text);
    set_sandbox(&facts, master);
    (void)status_facts_format(&facts, text);
    reply(admin, number, REPLY_DONE, false, text);
}

static bool
find_service(const struct config *config, const char *name, uint32_t *index)
{
    for (*index = 0; *index < config->service_count; (*index)++)
        if (strcmp(config->services[*index].name, name) == 0)
            return true;
    return false;
}

/* Its connections go on; a reload, or a start, opens it again. */
static void
drain(struct child *admin, uint32_t number, const char *name)
{
    struct master *master = admin->master;
    unsigned on_board = scoreboard_service_find(master->board, name);
    char text[256];
    uint64_t active;
    uint32_t index;

    if (!find_service(master->config, name, &index)) {
        snprintf(text, sizeof(text), "there is no service \"%s\"\n", name);
        reply(admin, number, REPLY_FAILED, false, text);
        return;
    }
    if (master_is_busy(master)) {
        reply(admin, number, REPLY_FAILED, false,
            "a reload or an upgrade is under way; try again\n");
        return;
    }
    /* First: who empties a queue counts itself in for each look at it. */
    active = scoreboard_active(master->board, on_board);
    supervisor_drain(master, name, MESSAGE_NO_LIMIT);
    if (listen_table_close_service(&master->sockets, index))
        log_info(name, "draining: no client is let in any more");
    snprintf(text, sizeof(text),
        "%s: no client is let in any more; %llu connections go on\n", name,
        (unsigned long long)active);
    reply(admin, number, REPLY_DONE, false, text);
}

void
requests_on_message(struct child *admin, const struct message *message)
{
    const struct message_request *asked = message->payload;
    struct master *master = admin->master;

    /* A child that runs as the owner could otherwise have the daemon stop
     * serving, or start another program in its place. */
    if (child_find(master, asked->pid) != NULL ||
        upgrade_is_kin(&master->upgrade, asked->pid)) {
        log_error(NULL, "pid %d, a process of this daemon, was refused on the "
            "control socket", (int)asked->pid);
        reply(admin, asked->request, REPLY_FAILED, false,
            "a process of the daemon may not ask\n");
        return;
    }
    if (master->upgrade.succeeded) {
        reply(admin, asked->request, REPLY_AGAIN, false, "");
        return;
    }
    if (master->stopping || master->config == NULL) {
        reply(admin, asked->request, REPLY_FAILED, false, "the daemon stops\n");
        return;
    }
    switch ((enum request_verb)asked->verb) {
    case REQUEST_RELOAD:
        if (wait_for(admin, asked))
            master_reload(master);
        break;
    case REQUEST_UPGRADE:
        if (wait_for(admin, asked))
            upgrade_start(master);
        break;
    case REQUEST_DRAIN:
        drain(admin, asked->request, message->text);
        break;
    case REQUEST_STATUS:
        tell_status(admin, asked->request);
        break;
    case REQUEST_VERB_COUNT:
        break;
    }
}
