#include "admin/control.h"

#include <event2/event.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "admin/control_path.h"
#include "asker.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/scratch.h"
#include "net/wire.h"

static struct event_base *base;
static struct control *control;
static int listen_fd;
static const char *path;
static char text[ASKER_TEXT_SIZE];

/* What the handler was told. */
static uint32_t asked[CONTROL_CLIENTS_MAX + 1];
static size_t asked_count, late_count;
static struct control_request last;
static bool answers; /* "so be it", at once */

static void
on_asked(void *arg, uint32_t client, const struct control_request *request)
{
    cr_expect_eq(arg, &asked);
    cr_assert_lt(asked_count, COUNT(asked));
    asked[asked_count++] = client;
    last = *request;
    if (!answers)
        return;
    control_say(control, client, "so be it", 8);
    control_finish(control, client, CONTROL_OK);
}

static void
on_late(void *arg, uint32_t client, const struct control_request *request)
{
    cr_expect_eq(arg, &asked);
    cr_expect_eq(request->verb, VERB_STATUS);
    late_count++;
    control_finish(control, client, CONTROL_FAILED);
}

static void
open_for(const char *where, uid_t owner)
{
    const struct control_handler handler = { on_asked, on_late, &asked };
    struct error error = { 0 };

    (void)signal(SIGPIPE, SIG_IGN);
    path = where;
    base = event_base_new();
    listen_fd = control_listen(path, &error);
    cr_assert_geq(listen_fd, 0);
    control = control_new(base, listen_fd, owner, &handler);
    cr_assert_not_null(control);
}

static void
open_control(void)
{
    open_for(scratch_path("control"), geteuid());
}

static void
close_control(void)
{
    control_free(control);
    event_base_free(base);
    close(listen_fd);
    scratch_remove();
}

TestSuite(control, .init = open_control, .fini = close_control);

/* A turn that waits at most 20 ms for an event. */
static void
turn(void)
{
    struct timeval span = clock_span(20);

    event_base_loopexit(base, &span);
    event_base_loop(base, EVLOOP_ONCE);
}

static void
await_asked(size_t count)
{
    uint64_t until_ms = clock_now_ms() + SECONDS(10);

    while (asked_count < count && clock_now_ms() < until_ms)
        turn();
    cr_assert_eq(asked_count, count);
}

/* Turns until the client's stream has ended. */
static const char *
answer(int fd)
{
    uint64_t until_ms = clock_now_ms() + SECONDS(20);

    text[0] = '\0';
    while (!asker_read(fd, text)) {
        cr_assert_lt(clock_now_ms(), until_ms);
        turn();
    }
    close(fd);
    return text;
}

static void
await_clients(size_t count)
{
    uint64_t until_ms = clock_now_ms() + SECONDS(20);

    while (control_clients(control) != count && clock_now_ms() < until_ms)
        turn();
    cr_assert_eq(control_clients(control), count);
}

static int
ask(const char *request)
{
    int fd = asker_open(path);

    asker_ask(fd, request);
    return fd;
}

Test(control, answers)
{
    answers = true;
    cr_expect_str_eq(answer(ask("drain web\n")), "ok\nso be it\n");
    cr_expect_eq(last.verb, VERB_DRAIN);
    cr_expect_str_eq(last.name, "web");
    cr_expect_str_eq(answer(ask("status\n")), "ok\nso be it\n");
    cr_expect_neq(asked[0], asked[1]);
    await_clients(0);
}

Test(control, puts_the_verdict_before_what_was_said)
{
    int fd = ask("reload\n");

    await_asked(1);
    cr_expect_eq(control_asked(control, asked[0])->verb, VERB_RELOAD);
    control_say(control, asked[0], "one", 3);
    control_say(control, asked[0], "", 0);
    control_say(control, asked[0], "two\n", 4);
    control_finish(control, asked[0], CONTROL_FAILED);
    cr_expect_null(control_asked(control, asked[0]));
    control_say(control, asked[0], "three", 5);
    control_finish(control, asked[0], CONTROL_OK);
    cr_expect_str_eq(answer(fd), "failed\none\ntwo\n");
}

Test(control, takes_a_request_in_pieces)
{
    int fd = ask("sta");

    answers = true;
    turn();
    turn();
    cr_expect_eq(asked_count, 0);
    asker_ask(fd, "tus\n");
    cr_expect_str_eq(answer(fd), "ok\nso be it\n");
}

Test(control, refuses_what_is_no_request)
{
    char line[2 * CONTROL_LINE_MAX];

    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\0';
    cr_expect(strstr(answer(ask("status please\n")),
        "failed\nthis is not a request;") == text);
    cr_expect(strstr(answer(ask(line)), "failed\nthis is not") == text);
    cr_expect_eq(asked_count, 0);
}

Test(control, drops_one_who_goes_on_talking)
{
    int fd = ask("reload\n");

    await_asked(1);
    asker_ask(fd, "x");
    cr_expect_str_eq(answer(fd), "");
    cr_expect_null(control_asked(control, asked[0]));
}

Test(control, answers_one_who_has_shut_down_its_side)
{
    int fd = ask("reload\n");

    shutdown(fd, SHUT_WR);
    await_asked(1);
    turn();
    turn();
    cr_assert_not_null(control_asked(control, asked[0]));
    control_finish(control, asked[0], CONTROL_OK);
    cr_expect_str_eq(answer(fd), "ok\n");
}

Test(control, forgets_one_who_left)
{
    int fd = ask("reload\n");

    await_asked(1);
    close(fd);
    await_clients(0);
    cr_expect_null(control_asked(control, asked[0]));
    control_say(control, asked[0], "x", 1);
    control_finish(control, asked[0], CONTROL_OK);

    close(asker_open(path));
    await_clients(0);
}

Test(control, tells_what_is_late)
{
    int fd = ask("status\n");

    await_asked(1);
    control_expect(control, asked[0], 1);
    cr_expect_str_eq(answer(fd), "failed\n");
    cr_expect_eq(late_count, 1);
}

Test(control, serves_so_many_at_once)
{
    int fds[CONTROL_CLIENTS_MAX + 1];

    for (size_t i = 0; i < COUNT(fds); i++)
        fds[i] = ask("reload\n");
    await_asked(CONTROL_CLIENTS_MAX);
    turn();
    turn();
    cr_expect_eq(asked_count, CONTROL_CLIENTS_MAX);
    control_finish(control, asked[0], CONTROL_OK);
    cr_expect_str_eq(answer(fds[0]), "ok\n");
    await_asked(CONTROL_CLIENTS_MAX + 1);
    for (size_t i = 1; i < COUNT(fds); i++) {
        control_finish(control, asked[i], CONTROL_OK);
        cr_expect_str_eq(answer(fds[i]), "ok\n");
    }
}

Test(control, silent_clients_make_room)
{
    int silent[2 * CONTROL_CLIENTS_MAX];
    int fd;

    answers = true;
    for (size_t i = 0; i < COUNT(silent); i++) {
        silent[i] = asker_open(path);
        turn();
    }
    cr_expect_eq(control_clients(control), CONTROL_CLIENTS_MAX);
    fd = ask("status\n");
    await_asked(1);
    cr_expect_eq(control_pid(control, asked[0]), 0, "it has its answer");
    cr_expect_str_eq(answer(fd), "ok\nso be it\n");
    for (size_t i = 0; i < COUNT(silent); i++)
        close(silent[i]);
}

Test(control, says_which_process_asks)
{
    int fd = ask("status\n");

    await_asked(1);
    cr_expect_eq(control_pid(control, asked[0]), getpid());
    control_finish(control, asked[0], CONTROL_OK);
    cr_expect_str_eq(answer(fd), "ok\n");
}

Test(control, bounds_an_answer)
{
    static char much[100 << 10];
    int fd = ask("reload\n");
    size_t total = 0;
    bool ended = false;

    memset(much, 'x', sizeof(much));
    await_asked(1);
    for (size_t i = 0; i < 20; i++)
        control_say(control, asked[0], much, sizeof(much));
    control_finish(control, asked[0], CONTROL_OK);
    while (!ended) {
        turn();
        text[0] = '\0';
        ended = asker_read(fd, text);
        total += strlen(text);
        if (!ended && text[0] != '\0')
            strcpy(much, text + (strlen(text) > 8 ? strlen(text) - 8 : 0));
    }
    cr_expect_leq(total, (size_t)CONTROL_ANSWER_MAX + 8);
    cr_expect_geq(total, (size_t)CONTROL_ANSWER_MAX - sizeof(much));
    close(fd);
}

Test(control, drops_one_who_asks_nothing, .timeout = 30)
{
    uint64_t began_ms = clock_now_ms();

    cr_expect_str_eq(answer(ask("status")), "");
    cr_expect_geq(clock_now_ms() - began_ms, SECONDS(5) - 100);
    cr_expect_eq(control_clients(control), 0);
}

Test(control, drops_one_who_does_not_read, .timeout = 60)
{
    static char much[1 << 20];
    int fd = ask("reload\n");

    memset(much, 'x', sizeof(much));
    await_asked(1);
    control_say(control, asked[0], much, sizeof(much) - 1);
    control_finish(control, asked[0], CONTROL_OK);
    cr_expect_eq(control_clients(control), 1);
    await_clients(0);
    close(fd);
}

Test(control, ends_with_all_answers)
{
    int waits = ask("reload\n"), asks, later;

    await_asked(1);
    asks = ask("stat");
    await_clients(2);
    control_end(control, "it is over");
    cr_expect_eq(control_clients(control), 1);
    later = ask("status\n");
    cr_expect_str_eq(answer(waits), "failed\nit is over\n");
    cr_expect_str_eq(answer(asks), "");
    turn();
    cr_expect_eq(asked_count, 1);
    close(later);
}

Test(control, answers_those_it_has_when_it_stops_accepting)
{
    int waits = ask("reload\n"), later;

    await_asked(1);
    control_stop_accepting(control);
    later = ask("status\n");
    control_say(control, asked[0], "so be it", 8);
    control_finish(control, asked[0], CONTROL_OK);
    cr_expect_str_eq(answer(waits), "ok\nso be it\n");
    turn(); /* there is room again */
    cr_expect_eq(asked_count, 1);
    cr_expect_eq(control_clients(control), 0);
    close(later);
}

Test(control, goes_on_after_descriptors_ran_out)
{
    int fd = ask("reload\n");
    struct rlimit before;

    wire_exhaust(&before);
    turn();
    turn();
    cr_expect_eq(control_clients(control), 0);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    await_asked(1);
    close(fd);
}

Test(control_owner, alone_is_answered)
{
    int fd;

    if (geteuid() != 0)
        cr_skip("only root can be another user");
    open_for("@sallyport-test-control-owner", 65533);
    answers = true;
    cr_expect_str_eq(answer(ask("status\n")), "ok\nso be it\n", "root");
    cr_assert_eq(seteuid(65533), 0);
    fd = ask("status\n");
    cr_assert_eq(seteuid(0), 0);
    cr_expect_str_eq(answer(fd), "ok\nso be it\n", "the owner");
    cr_assert_eq(seteuid(65534), 0);
    fd = ask("status\n");
    cr_assert_eq(seteuid(0), 0);
    cr_expect_eq(strncmp(answer(fd), "failed\nonly root", 16), 0);
    cr_expect_eq(asked_count, 2);
    close_control();
}
