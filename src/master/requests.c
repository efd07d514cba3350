#include "master/requests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "admin/certs_text.h"
#include "admin/control.h"
#include "admin/status_facts.h"
#include "base/error.h"
#include "base/log.h"
#include "base/scoreboard.h"
#include "base/version.h"
#include "config/config.h"
#include "files/files.h"
#include "master/cert_list.h"
#include "master/config_source.h"
#include "master/parts.h"
#include "sandbox/sandbox.h"

/* More than the admin has clients. */
enum { REQUESTS_MAX = 64 };

/* For the longest entry that follows when the list of certificates is full, and its
 * end. */
enum { CERTS_ANSWER_SPARE = 512 << 10 };

struct request {
    TAILQ_ENTRY(request) link;
    struct child *admin; /* which passes the answer on */
    uint32_t number;
    enum verb verb;
    bool begun; /* the change that runs is what it asked for */
};

static void
send_reply(struct child *admin, uint32_t number, uint32_t code, bool more,
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
answer_request(const struct request *request, const char *text,
    const struct error *error)
{
    char line[MESSAGE_REPLY_MAX];

    if (!error_any(error)) {
        send_reply(request->admin, request->number, REPLY_DONE, false, text);
        return;
    }
    if (error->count == 0)
        send_reply(request->admin, request->number, REPLY_FAILED, false,
            "out of memory\n");
    for (size_t i = 0; i < error->count; i++) {
        snprintf(line, sizeof(line), "%s\n", error->messages[i]);
        send_reply(request->admin, request->number, REPLY_FAILED,
            i + 1 < error->count, line);
    }
}

typedef bool fits_fn(const struct request *request, int verb);

/* Answers the requests that fit. */
static void
answer_all(struct master *master, fits_fn *fits, int verb, const char *text,
    const struct error *error)
{
    struct request *request, *next;

    for (request = TAILQ_FIRST(&master->requests); request != NULL;
         request = next) {
        next = TAILQ_NEXT(request, link);
        if (!fits(request, verb))
            continue;
        TAILQ_REMOVE(&master->requests, request, link);
        answer_request(request, text, error);
        free(request);
    }
}

static bool
has_begun(const struct request *request, int verb)
{
    return request->begun && (int)request->verb == verb;
}

static bool
fits_any_request(const struct request *request, int verb)
{
    (void)request;
    (void)verb;
    return true;
}

void
requests_begin(struct master *master, enum verb verb)
{
    struct request *each;

    TAILQ_FOREACH(each, &master->requests, link)
        if (each->verb == verb)
            each->begun = true;
}

void
requests_finish(struct master *master, enum verb verb,
    const char *text, const struct error *error)
{
    answer_all(master, has_begun, (int)verb, text, error);
}

bool
requests_redirect(struct master *master, enum verb verb)
{
    struct request *request, *next;
    bool any = false;

    for (request = TAILQ_FIRST(&master->requests); request != NULL;
         request = next) {
        next = TAILQ_NEXT(request, link);
        if (request->verb != verb)
            continue;
        send_reply(request->admin, request->number, REPLY_AGAIN, false, "");
        TAILQ_REMOVE(&master->requests, request, link);
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
    answer_all(master, fits_any_request, 0, "", &error);
    error_clear(&error);
}

void
requests_forget(struct master *master, const struct child *admin)
{
    struct request *request, *next;

    for (request = TAILQ_FIRST(&master->requests); request != NULL;
         request = next) {
        next = TAILQ_NEXT(request, link);
        if (request->admin != admin)
            continue;
        TAILQ_REMOVE(&master->requests, request, link);
        free(request);
    }
}

/* False: the request was refused. */
static bool
add_request(struct master *master, struct child *admin,
    const struct message_request *asked)
{
    struct request *request;
    size_t waiting = 0;

    TAILQ_FOREACH(request, &master->requests, link)
        waiting++;
    if (waiting < REQUESTS_MAX)
        request = calloc(1, sizeof(*request));
    if (request == NULL) {
        send_reply(admin, asked->request, REPLY_FAILED, false,
            "too many wait already\n");
        return false;
    }
    *request = (struct request){
        .admin = admin,
        .number = asked->request,
        .verb = asked->verb,
    };
    TAILQ_INSERT_TAIL(&master->requests, request, link);
    return true;
}

static void
set_sandbox(struct status_facts *facts, const struct master *master)
{
    static const char *const modes[] = {
        [SANDBOX_ON] = "on", [SANDBOX_KILL] = "kill", [SANDBOX_OFF] = "off",
    };
    char missing[SANDBOX_MISSING_SIZE] = "";

    if (master->children.sandbox != SANDBOX_OFF)
        (void)sandbox_missing(missing);
    if (supervisor_reaches_anywhere(&master->supervisor))
        sandbox_add_missing(missing,
            "that some workers connect to configured servers only, until an "
            "upgrade");
    STATUS_FACTS_SET(facts->sandbox, modes[master->children.sandbox]);
    STATUS_FACTS_SET(facts->not_enforced, missing);
}

/* "PATH, PATH, ..." */
static void
describe_left_out(const struct files *files, char *text, size_t size)
{
    size_t length = 0;

    text[0] = '\0';
    for (size_t i = 0; files != NULL && i < files_count(files); i++) {
        const struct file_entry *entry = files_at(files, i);

        if (entry->kind != FILE_LEFT_OUT)
            continue;
        if (length + strlen(entry->path) + sizeof(", , ...") > size) {
            snprintf(text + length, size - length, ", ...");
            return;
        }
        length += (size_t)snprintf(text + length, size - length, "%s%s",
            length > 0 ? ", " : "", entry->path);
    }
}

static void
send_status(
    const struct master *master, struct child *admin, uint32_t number)
{
    struct status_facts facts = {
        .pid = (uint64_t)getpid(),
        .started_ms = master->started_ms,
        .generation = master->generations.current.number,
        .workers = master->generations.current.workers,
        .reload = master->reload.state,
        .reload_s = (uint64_t)master->reload.ended_s,
    };
    char text[STATUS_FACTS_SIZE];

    STATUS_FACTS_SET(facts.version, SALLYPORT_VERSION);
    STATUS_FACTS_SET(facts.config,
        master->source->path != NULL ? master->source->path : "");
    STATUS_FACTS_SET(facts.reload_text, master->reload.text);
    set_sandbox(&facts, master);
    cert_expiry_describe(
        &master->cert_expiry, facts.certs, sizeof(facts.certs));
    STATUS_FACTS_SET(facts.certs_fault, master->cert_reload.fault);
    describe_left_out(master->generations.current.config->files,
        facts.certs_left_out, sizeof(facts.certs_left_out));
    (void)status_facts_format(&facts, text);
    send_reply(admin, number, REPLY_DONE, false, text);
}

/* In pieces of whole lines. */
static void
send_lines(struct child *admin, uint32_t number, const char *text)
{
    size_t left = strlen(text);
    char piece[MESSAGE_REPLY_MAX + 1];

    _Static_assert((int)CERTS_LINE_MAX <= (int)MESSAGE_REPLY_MAX, "a line is a piece");
    while (left > MESSAGE_REPLY_MAX) {
        const char *end = memrchr(text, '\n', MESSAGE_REPLY_MAX);
        size_t length = end != NULL ? (size_t)(end + 1 - text)
                                    : MESSAGE_REPLY_MAX;

        memcpy(piece, text, length);
        piece[length] = '\0';
        send_reply(admin, number, REPLY_DONE, true, piece);
        text += length;
        left -= length;
    }
    send_reply(admin, number, REPLY_DONE, false, text);
}

static bool
find_active_service(const struct config *config, const char *name,
    uint32_t *index)
{
    for (*index = 0; *index < config->service_count; (*index)++)
        if (strcmp(config->services[*index].name, name) == 0)
            return true;
    return false;
}

static bool
is_drained_socket(const struct listen_socket *held, const void *arg)
{
    return held->serves && generation_has_drained(arg, held);
}

/* The service's connections go on; a reload, or a start, opens it again. */
static void
drain_named_service(struct master *master, struct child *admin, uint32_t number,
    const char *name)
{
    const struct scoreboard *board = master->children.board;
    struct generation *current = &master->generations.current;
    unsigned on_board = scoreboard_service_find(board, name);
    char text[256];
    uint64_t active;
    uint32_t index;

    if (!find_active_service(current->config, name, &index)) {
        snprintf(text, sizeof(text), "there is no service \"%s\"\n", name);
        send_reply(admin, number, REPLY_FAILED, false, text);
        return;
    }
    if (master->changes.running != CHANGE_NONE) {
        send_reply(admin, number, REPLY_FAILED, false,
            "a reload or an upgrade is under way; try again\n");
        return;
    }
    /* First: a worker that empties a queue counts itself in for each look. */
    active = scoreboard_active(board, on_board);
    supervisor_drain(&master->supervisor, name, MESSAGE_NO_LIMIT);
    if (!generation_is_drained(current, index)) {
        if (!generation_drain(current, name))
            log_error(name, "a worker that is started before the next reload "
                "may serve it again: out of memory");
        log_info(name, "draining: no client is accepted any more");
    }
    (void)listen_table_close_those(
        &master->sockets, is_drained_socket, current);
    snprintf(text, sizeof(text),
        "%s: no client is accepted any more; %llu connection%s\n", name,
        (unsigned long long)active, active == 1 ? " goes on" : "s go on");
    send_reply(admin, number, REPLY_DONE, false, text);
}

/* NULL: the process may ask now; else what it is answered.  A child that runs as
 * the owner could otherwise have the daemon stop serving, or start another program
 * in its place. */
static const char *
find_refusal(const struct master *master, pid_t pid)
{
    if (child_find(&master->children, pid) != NULL ||
        upgrade_is_kin(&master->upgrade, pid)) {
        log_error(NULL, "pid %d, a process of this daemon, was refused on the "
            "control socket", (int)pid);
        return "a process of the daemon may not ask\n";
    }
    if (!master->upgrade.succeeded && (master->supervisor.stopping ||
        master->generations.current.config == NULL))
        return "the daemon stops\n";
    return NULL;
}

static void
request_reload(struct master *master, struct child *admin,
    const struct message *message)
{
    if (add_request(master, admin, message->payload))
        change_request(&master->changes, CHANGE_RELOAD);
}

static void
request_upgrade(struct master *master, struct child *admin,
    const struct message *message)
{
    if (!add_request(master, admin, message->payload))
        return;
    if (master->changes.running == CHANGE_UPGRADE)
        requests_begin(master, VERB_UPGRADE); /* it waits for that one */
    change_request(&master->changes, CHANGE_UPGRADE);
}

static void
request_drain(struct master *master, struct child *admin,
    const struct message *message)
{
    const struct message_request *asked = message->payload;

    drain_named_service(master, admin, asked->request, message->text);
}

static void
request_status(struct master *master, struct child *admin,
    const struct message *message)
{
    const struct message_request *asked = message->payload;

    send_status(master, admin, asked->request);
}

static void
request_certs(struct master *master, struct child *admin,
    const struct message *message)
{
    const struct message_request *asked = message->payload;
    char *text = cert_list_make(&master->cert_expiry.served,
        master->generations.current.config->files, asked->json != 0,
        time(NULL), CONTROL_ANSWER_MAX - CERTS_ANSWER_SPARE);

    if (text != NULL)
        send_lines(admin, asked->request, text);
    else
        send_reply(admin, asked->request, REPLY_FAILED, false,
            "out of memory\n");
    free(text);
}

/* message.c has accepted only verbs that the master answers (verbs.c). */
static void (*const handlers[VERB_COUNT])(struct master *, struct child *admin,
    const struct message *) = {
    [VERB_STATUS] = request_status,
    [VERB_RELOAD] = request_reload,
    [VERB_UPGRADE] = request_upgrade,
    [VERB_DRAIN] = request_drain,
    [VERB_CERTS] = request_certs,
};

void
requests_on_message(struct master *master, struct child *admin,
    const struct message *message)
{
    const struct message_request *asked = message->payload;
    const char *why = find_refusal(master, asked->pid);

    if (why != NULL) {
        send_reply(admin, asked->request, REPLY_FAILED, false, why);
        return;
    }
    if (master->upgrade.succeeded) {
        send_reply(admin, asked->request, REPLY_AGAIN, false, "");
        return;
    }
    handlers[asked->verb](master, admin, message);
}
