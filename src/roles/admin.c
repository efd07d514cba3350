#include "roles/admin.h"

#include <event2/buffer.h>
#include <event2/event.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/control.h"
#include "admin/status.h"
#include "admin/status_facts.h"
#include "admin/version_text.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/scoreboard.h"
#include "ipc/channel.h"
#include "ipc/message.h"
#include "net/timer.h"
#include "roles/heartbeat.h"
#include "roles/log_message.h"

/* For answers to be read after the master has ended. */
#define FAREWELL SECONDS(2)

/* What the master is asked: far above what people and monitors do. */
enum { ASK_EVERY_MS = 20, ASK_BURST = 100 };

_Static_assert((int)STATUS_FACTS_SIZE <= (int)MESSAGE_REPLY_MAX,
    "what the master tells goes in one reply");

struct admin {
    struct event_base *base;
    struct channel *channel; /* NULL: the master has ended */
    struct control *control;
    const struct scoreboard *board;
    struct heartbeat heartbeat;

    /* Requests that are held back, in the order that they came in. */
    uint32_t held[CONTROL_CLIENTS_MAX];
    size_t held_count;
    struct timer pace;
    uint64_t spent_until_ms;
};

static const enum control_outcome outcomes[REPLY_CODE_COUNT] = {
    [REPLY_DONE] = CONTROL_OK,
    [REPLY_FAILED] = CONTROL_FAILED,
    [REPLY_AGAIN] = CONTROL_AGAIN,
};

/* Any process may have written to the scoreboard. */
static const char *
kind_name(int kind)
{
    return kind >= 0 && kind < ROLE_COUNT ? role_name((enum role)kind) : "?";
}

/* `facts` NULL: the master did not say. */
static void
answer_status(struct admin *admin, uint32_t client,
    const struct control_request *request, const struct status_facts *facts)
{
    const struct status status = {
        .board = admin->board, .facts = facts,
        .kind_name = kind_name, .now_ms = clock_now_ms(),
    };
    struct evbuffer *out = evbuffer_new();
    bool made = out != NULL &&
        (request->json ? status_json(&status, out)
                       : status_text(&status, out));

    if (made)
        control_say(admin->control, client,
            (const char *)evbuffer_pullup(out, -1), evbuffer_get_length(out));
    control_finish(admin->control, client,
        made ? CONTROL_OK : CONTROL_FAILED);
    if (out != NULL)
        evbuffer_free(out);
}

/* A master that is stuck does not keep the scoreboard from being read. */
static void
answer_late_status(struct admin *admin, uint32_t client,
    const struct control_request *request)
{
    answer_status(admin, client, request, NULL);
}

static void
finish_status(struct admin *admin, const struct control_request *request,
    const struct message *message)
{
    const struct message_reply *reply = message->payload;
    struct status_facts facts;

    answer_status(admin, reply->request, request,
        status_facts_parse(&facts, message->text, message->text_length)
            ? &facts : NULL);
}

/* The client's next question is the successor's. */
static void
finish_upgrade(struct admin *admin, const struct control_request *request,
    const struct message *message)
{
    const struct message_reply *reply = message->payload;

    (void)request;
    control_say(admin->control, reply->request, message->text,
        message->text_length);
    control_stop_accepting(admin->control);
    control_finish(admin->control, reply->request, CONTROL_OK);
}

static void
answer_version(struct admin *admin, uint32_t client,
    const struct control_request *request)
{
    char text[VERSION_TEXT_SIZE];

    (void)request;
    version_text(text);
    control_say(admin->control, client, text, strlen(text));
    control_finish(admin->control, client, CONTROL_OK);
}

/* What is to be done here for a verb, besides passing requests and answers on. */
static const struct {
    /* Of VERB_BY_ADMIN: must answer. */
    void (*answer)(struct admin *admin, uint32_t client,
        const struct control_request *request);

    /* The master has not answered within the verb's `master_ms`: must answer. */
    void (*late)(struct admin *admin, uint32_t client,
        const struct control_request *request);

    /* The master has done what was asked: must answer.  NULL: its words are
     * passed on. */
    void (*done)(struct admin *admin, const struct control_request *request,
        const struct message *message);
} handlers[VERB_COUNT] = {
    [VERB_STATUS] = { .late = answer_late_status, .done = finish_status },
    [VERB_UPGRADE] = { .done = finish_upgrade },
    [VERB_VERSION] = { .answer = answer_version },
};

static void
send_request_to_master(struct admin *admin, uint32_t client,
    const struct control_request *request)
{
    uint64_t master_ms = verbs_info(request->verb)->master_ms;
    const struct message_request ask = {
        .request = client, .verb = request->verb,
        .pid = control_pid(admin->control, client),
        .json = request->json,
    };

    if (master_ms > 0)
        control_expect(admin->control, client, master_ms);
    channel_send(admin->channel, MESSAGE_REQUEST, &ask, request->name,
        strlen(request->name), NULL, 0);
}

/* The master kills a process that floods it with requests (conduct.h), so the
 * admin holds back clients that ask too often. */
static bool
may_ask(struct admin *admin)
{
    uint64_t now_ms = clock_now_ms();

    if (admin->spent_until_ms < now_ms)
        admin->spent_until_ms = now_ms;
    if (admin->spent_until_ms - now_ms > ASK_BURST * ASK_EVERY_MS)
        return false;
    admin->spent_until_ms += ASK_EVERY_MS;
    return true;
}

static void
hold_request(struct admin *admin, uint32_t client)
{
    if (admin->held_count < CONTROL_CLIENTS_MAX)
        admin->held[admin->held_count++] = client;
    timer_set(&admin->pace, ASK_EVERY_MS);
}

/* Clients that have left are not asked for. */
static void
on_pace(void *arg)
{
    struct admin *admin = arg;
    const struct control_request *request;
    uint32_t client;

    while (admin->held_count > 0 && admin->channel != NULL &&
        may_ask(admin)) {
        client = admin->held[0];
        memmove(admin->held, admin->held + 1,
            --admin->held_count * sizeof(*admin->held));
        request = control_asked(admin->control, client);
        if (request != NULL)
            send_request_to_master(admin, client, request);
    }
    if (admin->held_count > 0 && admin->channel != NULL)
        timer_set(&admin->pace, ASK_EVERY_MS);
}

static void
on_asked(void *arg, uint32_t client, const struct control_request *request)
{
    struct admin *admin = arg;

    if (verbs_info(request->verb)->answers == VERB_BY_ADMIN)
        handlers[request->verb].answer(admin, client, request);
    else if (admin->held_count == 0 && may_ask(admin))
        send_request_to_master(admin, client, request);
    else
        hold_request(admin, client);
}

static void
on_late(void *arg, uint32_t client, const struct control_request *request)
{
    handlers[request->verb].late(arg, client, request);
}

static void
on_reply(void *arg, const struct message *message, const int *fds)
{
    const struct message_reply *reply = message->payload;
    struct admin *admin = arg;
    const struct control_request *request =
        control_asked(admin->control, reply->request);

    (void)fds;
    if (request == NULL)
        return;
    if (reply->code == REPLY_DONE && !reply->more &&
        handlers[request->verb].done != NULL) {
        handlers[request->verb].done(admin, request, message);
        return;
    }
    control_say(admin->control, reply->request, message->text,
        message->text_length);
    if (reply->more)
        return;
    if (reply->code == REPLY_AGAIN)
        control_stop_accepting(admin->control);
    control_finish(admin->control, reply->request, outcomes[reply->code]);
}

static channel_message_fn *const messages[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_LOG] = log_message_on,
    [MESSAGE_REPLY] = on_reply,
};

static void
on_admin_channel_ended(void *arg, const char *why)
{
    struct admin *admin = arg;

    log_debug(NULL, "the admin ends: the master %s", why);
    heartbeat_stop(&admin->heartbeat);
    channel_free(admin->channel);
    admin->channel = NULL;
    if (admin->control != NULL)
        control_end(admin->control,
            "the daemon ended before it had an answer");
    event_base_loopbreak(admin->base);
}

/* The last answers leave; a client that does not read is not waited for. */
static void
linger_for_clients(struct admin *admin)
{
    uint64_t until_ms = clock_now_ms() + FAREWELL;
    struct timeval span = clock_span(FAREWELL);

    event_base_loopexit(admin->base, &span);
    while (control_clients(admin->control) > 0 &&
        clock_now_ms() < until_ms)
        if (event_base_loop(admin->base, EVLOOP_ONCE) != 0)
            break;
}

/* False: no memory, or no descriptor; what was made stays in `admin`, and
 * `master_fd` is the channel's if there is one. */
static bool
set_up_admin(struct admin *admin, int master_fd, int listen_fd, uid_t owner)
{
    const struct control_handler handler = {
        .asked = on_asked, .late = on_late, .arg = admin,
    };

    admin->base = event_base_new();
    if (admin->base == NULL)
        return false;
    admin->channel = channel_new(admin->base, master_fd, ROLE_ADMIN,
        ROLE_MASTER, messages, on_admin_channel_ended, admin);
    if (admin->channel == NULL)
        return false;
    if (!timer_open(&admin->pace, admin->base, on_pace, admin))
        return false;
    admin->control =
        control_new(admin->base, listen_fd, owner, &handler);
    return admin->control != NULL;
}

int
admin_run(int master_fd, int listen_fd, struct scoreboard *board, uid_t owner)
{
    struct admin admin = { .board = board };
    bool started;

    started = set_up_admin(&admin, master_fd, listen_fd, owner) &&
        heartbeat_start(&admin.heartbeat, admin.base, admin.channel);
    if (started) {
        channel_send(admin.channel, MESSAGE_READY, NULL, NULL, 0, NULL, 0);
        event_base_dispatch(admin.base);
        linger_for_clients(&admin);
    } else {
        log_error(NULL, "the admin cannot start: out of memory or "
            "descriptors");
        if (admin.channel == NULL)
            close(master_fd);
    }
    heartbeat_stop(&admin.heartbeat);
    timer_close(&admin.pace);
    control_free(admin.control);
    channel_free(admin.channel);
    if (admin.base != NULL)
        event_base_free(admin.base);
    return started ? EXIT_SUCCESS : EXIT_FAILURE;
}
