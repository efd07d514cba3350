/* What a worker hears of generations, and what it answers. */
#include "roles/worker_rollout.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/descriptors.h"
#include "base/error.h"
#include "base/log.h"
#include "base/scoreboard.h"
#include "base/scratch.h"
#include "bundled.h"
#include "config/config.h"
#include "net/loop.h"
#include "net/wire.h"
#include "relay/acceptor.h"
#include "relay/relay.h"
#include "relay/service.h"
#include "tls/pki.h"

enum { SAID_SIZE = 200, TEXT_SIZE = 60000, MANY = 60 };

static struct relay relay;
static struct worker_rollout rollout;
static struct error error;
static char said[SAID_SIZE];
static int good = -1; /* a bundle of two services */
static size_t before; /* descriptors */

static void PRINTF_LIKE(1, 2)
note(const char *format, ...)
{
    size_t length = strlen(said);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(said + length, sizeof(said) - length, format, arguments);
    va_end(arguments);
}

static void
say(void *arg, enum message_type type, const void *fixed, const char *text,
    size_t length)
{
    const struct message_verdict *verdict = fixed;
    const struct message_generation *generation = fixed;

    cr_expect_eq(arg, &relay);
    if (type == MESSAGE_PREPARED)
        note("%c%u", verdict->ok ? '+' : verdict->given_up ? '~' : '-',
            (unsigned)verdict->generation);
    else if (type == MESSAGE_COMMITTED)
        note("w%u", (unsigned)generation->generation);
    else
        note("%s", type == MESSAGE_FAULT && length > 0 && text ? "!" : "?");
}

static void
switching(void *arg)
{
    (void)arg;
    note("<");
}

static void
switched(void *arg)
{
    (void)arg;
    note(">");
}

static const struct worker_rollout_calls calls = {
    .say = say, .switching = switching, .switched = switched,
};

static void
set_up(void)
{
    scratch_log_open(LOG_LEVEL_WARN);
    relay = (struct relay){ .loop = loop_new(), .board = scoreboard_new() };
    relay.slot = scoreboard_slot_take(relay.board, 0, 0);
    good = bundled_text("[service a]\nlisten = unix:@a\nconnect = 127.0.0.1:1\n"
        "[service b]\nlisten = unix:@b\nconnect = 127.0.0.1:1\n");
    worker_rollout_init(&rollout, &relay, NULL, NULL, &calls, &relay);
    wire_turn(relay.loop);
    before = descriptors_count();
}

static void
tear_down(void)
{
    close(good);
    scoreboard_free(relay.board);
    loop_free(relay.loop);
    error_clear(&error);
    pki_clean();
    log_close();
    scratch_remove();
}

TestSuite(worker_rollout, .init = set_up, .fini = tear_down, .timeout = 60);

static void
send_message(enum message_type type, const void *payload, const char *text,
    size_t length, int fd)
{
    const struct message message = {
        .type = type,
        .payload = payload,
        .text = text,
        .text_length = length,
        .fd_count = fd >= 0,
    };

    worker_rollout_dispatch(&rollout, &message, fd);
}

static void
on_socket(uint64_t id)
{
    static const char text[] = "here\0";
    const struct message_socket fixed = { .id = id, .serve = 1 };
    uint16_t port;
    int fd = wire_listen(false, 4, &port);

    send_message(MESSAGE_SOCKET, &fixed, text, sizeof(text), fd);
}

static void
turn_until_idle(void)
{
    do
        wire_turn(relay.loop);
    while (rollout.task.queued);
}

/* One event: what happens, and of which generation (or which socket). */
static void
play_one(char what, uint64_t number)
{
    const struct message_generation fixed = { number };

    if (what == 'b')
        send_message(MESSAGE_BUNDLE, &fixed, "", 0,
            fcntl(good, F_DUPFD_CLOEXEC, 0));
    else if (what == 'x')
        send_message(MESSAGE_BUNDLE, &fixed, "", 0,
            open("/dev/null", O_RDONLY | O_CLOEXEC));
    else if (what == 'k')
        on_socket(number);
    else if (what == 'p')
        send_message(MESSAGE_PREPARE, &fixed, "", 0, -1);
    else if (what == 'w')
        send_message(MESSAGE_COMMIT, &fixed, "", 0, -1);
    else if (what == 'c')
        send_message(MESSAGE_ABORT, &fixed, "", 0, -1);
    else if (what == 'g')
        worker_rollout_give_up(&rollout);
    else
        turn_until_idle();
}

static void
play(const char *script)
{
    for (const char *at = script; *at != '\0'; at++)
        if (*at != ' ' && (*at < '0' || *at > '9'))
            play_one(*at, strtoul(at + 1, NULL, 10));
}

static void
clear(void)
{
    worker_rollout_clear(&rollout);
    acceptor_close_all(&relay, false);
    services_free(relay.services, relay.service_count);
    relay.services = NULL;
    relay.service_count = 0;
    relay.draining = false;
    wire_turn(relay.loop); /* sockets are closed with a turn */
    said[0] = '\0';
}

/* b bundle, x one that cannot be loaded, k socket, p prepare, w switch,
 * c cancel, g give up, . turns until nothing is left to do;
 * + prepared, ! a fault, - not prepared, ~ given up, <> around a switch. */
Test(worker_rollout, answers_every_order_once)
{
    static const struct {
        const char *events, *said;
    } cases[] = {
        { "b1 k1 p1", "" },
        { "b1 k1 p1 .", "+1" },
        { "b1 k1 p1 . w1", "+1<>w1" },
        { "b1 k1 p1 w1", "" },
        { "b1 k1 p1 w1 . w1", "+1<>w1" },
        { "b1 k1 p1 . w2", "+1" },
        { "b1 k1 p1 . w1 w1", "+1<>w1" },
        { "b1 p1 . w1 b2 p2 . w2", "+1<>w1+2<>w2" },
        { "b1 p1 . w1 b2 k1 p2 w2 c2 w2 .", "+1<>w1~2" },
        { "b1 p1 c1 .", "~1" },
        { "b1 p1 c2 .", "+1" },
        { "b1 c1 p1", "-1" },
        { "b1 p1 . c1 w1", "+1" },
        { "b1 p1 b2 p2 .", "~1+2" },
        { "b1 p1 b1 p1 .", "~1+1" },
        { "b1 b2 p2 .", "+2" },
        { "b1 b2 p1 p2", "-1-2" },
        { "b1 p1 . b2 p2 . w1 w2", "+1+2<>w2" },
        { "p1", "-1" },
        { "b1 p2 p1", "-2-1" },
        { "b1 p1 p1 .", "~1-1" },
        { "b1 p1 . p1 w1", "+1-1" },
        { "x1 p1 .", "!-1" },
        { "x1 p1 b2 p2 .", "~1+2" },
        { "x1 p1 . b2 p2 . w2", "!-1+2<>w2" },
        { "b1 p1 . w1 x2 p2 . b3 p3 . w3", "+1<>w1!-2+3<>w3" },
        { "b1 p1 g .", "~1" },
        { "b1 p1 . g w1", "+1" },
        { "b1 p1 . w1 g .", "+1<>w1" },
        { "k1 b1 p1 .", "+1" },
        { "b1 p1 k1 . k2 w1", "!-1" },
        { "c1 w1 g .", "" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        play(cases[i].events);
        cr_expect_str_eq(said, cases[i].said, "%s", cases[i].events);
        clear();
        cr_expect_not(rollout.task.queued, "%s", cases[i].events);
        cr_expect_eq(descriptors_count(), before, "%s", cases[i].events);
    }
}

Test(worker_rollout, takes_nothing_up_while_it_drains)
{
    play("b1 k1 p1 .");
    relay.draining = true;
    play("w1");
    cr_expect_str_eq(said, "+1");
    cr_expect(LIST_EMPTY(&relay.acceptors));
    clear();
}

/* Clients are served by what is in force, until all is ready.  Promise 30. */
Test(worker_rollout, changes_nothing_before_the_switch)
{
    struct service **services;
    struct acceptor *acceptor;

    play("b1 k1 p1 . w1");
    services = relay.services;
    acceptor = acceptor_find(&relay, 1);
    play("b2 k1 p2 .");
    cr_expect_eq(relay.services, services);
    cr_expect_eq(acceptor_find(&relay, 1), acceptor);
    cr_expect_eq(acceptor_service(acceptor), services[0]);
    play("w2");
    cr_expect_neq(relay.services, services);
    clear();
}

struct turns {
    struct loop_task task;
    size_t count;
};

static void
on_turn(void *arg)
{
    struct turns *turns = arg;

    turns->count++;
    loop_defer(relay.loop, &turns->task);
}

static int
bundle_of_many(void)
{
    struct pki leaf = pki_make(&(struct pki_spec){ .cn = "leaf" }, NULL);
    char *file = pki_both("leaf.pem", &leaf);
    static char text[TEXT_SIZE];
    size_t length = 0;

    for (unsigned i = 0; i < MANY; i++) {
        length += (size_t)snprintf(text + length, sizeof(text) - length,
            "[service s%u]\nlisten = tls+unix:@s%u\nlisten.cert = %s\n"
            "connect = 127.0.0.1:1\n", i, i, file);
        cr_assert_lt(length, sizeof(text));
    }
    pki_free(&leaf);
    return bundled_text(text);
}

/* Certificates take their time: all of them take longer than a slice. */
Test(worker_rollout, lets_the_loop_turn_while_it_prepares_and_frees)
{
    struct turns turns = { .task = { .run = on_turn, .arg = &turns } };
    const struct message_generation fixed = { 1 };

    loop_defer(relay.loop, &turns.task);
    send_message(MESSAGE_BUNDLE, &fixed, "", 0, bundle_of_many());
    play("p1 .");
    cr_expect_str_eq(said, "+1");
    cr_expect_gt(turns.count, 2);
    play("w1 .");
    play("b2 p2 . w2");
    cr_expect_eq(rollout.old.count, MANY, "all are still there");
    play(".");
    cr_expect_eq(rollout.old.count, 0);
    loop_cancel(relay.loop, &turns.task);
    clear();
}

Test(worker_rollout, can_end_in_the_middle_of_its_work)
{
    const struct message_generation fixed = { 1 };
    int many = bundle_of_many();

    for (unsigned turns = 0; turns < 4; turns++) {
        send_message(MESSAGE_BUNDLE, &fixed, "", 0,
            fcntl(many, F_DUPFD_CLOEXEC, 0));
        play("p1");
        for (unsigned i = 0; i < turns; i++)
            wire_turn(relay.loop);
        if (turns % 2 != 0)
            play("c1");
        clear();
    }
    close(many);
    cr_expect_eq(descriptors_count(), before);
}
