/* The admin runs in a child; this process is its master and its clients. */
#include "roles/admin.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "admin/asker.h"
#include "admin/control_path.h"
#include "admin/status_facts.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/scoreboard.h"
#include "base/scratch.h"
#include "ipc/channel.h"
#include "ipc/message.h"

enum { PATIENCE_MS = 20000 };

static struct scoreboard *board;
static const char *path;
static pid_t admin;
static int master;
static union {
    max_align_t aligned;
    char bytes[MESSAGE_BYTES_MAX + 1];
} packet;
static struct message message;
static char text[ASKER_TEXT_SIZE];

static void
await(int fd)
{
    struct pollfd look = { .fd = fd, .events = POLLIN };

    cr_assert_eq(poll(&look, 1, PATIENCE_MS), 1);
}

/* Heartbeats come in between. */
static void
expect(enum message_type type)
{
    ssize_t length;

    do {
        await(master);
        length = recv(master, packet.bytes, MESSAGE_BYTES_MAX, 0);
        cr_assert_gt(length, 0);
        cr_assert(message_judge(packet.bytes, (size_t)length, 0,
            ROLE_ADMIN, ROLE_MASTER, &message));
    } while (message.type == MESSAGE_HEARTBEAT && type != MESSAGE_HEARTBEAT);
    cr_assert_eq(message.type, type);
}

/* Returns its number. */
static uint32_t
expect_request(enum verb verb, const char *name)
{
    const struct message_request *request;

    expect(MESSAGE_REQUEST);
    request = message.payload;
    cr_expect_eq(request->verb, verb);
    cr_expect_str_eq(message.text, name);
    return request->request;
}

static void
reply(uint32_t request, uint32_t code, uint32_t more, const char *words)
{
    const struct message_reply fixed = {
        .request = request, .code = code, .more = more,
    };
    const struct message_header header = {
        .type = MESSAGE_REPLY,
        .length = (uint32_t)(sizeof(fixed) + strlen(words)),
    };

    memcpy(packet.bytes, &header, sizeof(header));
    memcpy(packet.bytes + sizeof(header), &fixed, sizeof(fixed));
    memcpy(packet.bytes + sizeof(header) + sizeof(fixed), words,
        strlen(words));
    cr_assert_eq(send(master, packet.bytes, sizeof(header) + header.length,
        MSG_NOSIGNAL), (ssize_t)(sizeof(header) + header.length));
}

static int
ask(const char *request)
{
    int fd = asker_open(path);

    asker_ask(fd, request);
    return fd;
}

static const char *
answer(int fd)
{
    text[0] = '\0';
    do
        await(fd);
    while (!asker_read(fd, text));
    close(fd);
    return text;
}

static void
open_admin(void)
{
    struct error error = { 0 };
    int fds[2], listen_fd;

    path = scratch_path("control");
    listen_fd = control_listen(path, &error);
    board = scoreboard_new();
    cr_assert(listen_fd >= 0 && board != NULL && channel_pair(fds));
    scoreboard_service_index(board, "web");
    scoreboard_slot_set_pid(board, scoreboard_slot_take(board, ROLE_WORKER, 0),
        1234);
    scoreboard_slot_set_pid(board, scoreboard_slot_take(board, 1000, 0), 1235);
    admin = fork();
    cr_assert_geq(admin, 0);
    if (admin == 0) {
        close(fds[0]);
        _exit(admin_run(fds[1], listen_fd, board, geteuid()));
    }
    master = fds[0];
    close(fds[1]);
    close(listen_fd);
    expect(MESSAGE_READY);
}

/* The admin ends with its master, and with no fault. */
static void
close_admin(void)
{
    int status;

    if (master >= 0)
        close(master);
    cr_expect_eq(waitpid(admin, &status, 0), admin);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%x", status);
    scoreboard_free(board);
    scratch_remove();
}

TestSuite(admin, .init = open_admin, .fini = close_admin,
    .timeout = 60);

/* The master kills a child that falls silent. */
Test(admin, sends_heartbeats)
{
    expect(MESSAGE_HEARTBEAT);
    expect(MESSAGE_HEARTBEAT);
}

Test(admin, passes_requests_and_replies_on)
{
    static const struct {
        const char *ask, *name;
        enum verb verb;
    } cases[] = {
        { "reload\n", "", VERB_RELOAD },
        { "upgrade\n", "", VERB_UPGRADE },
        { "drain web\n", "web", VERB_DRAIN },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        int fd = ask(cases[i].ask);
        uint32_t number = expect_request(cases[i].verb, cases[i].name);

        reply(number, 1, 1, "x.ini:1: no");
        reply(number, 0, 1, "x.ini:2: no\n");
        reply(number, i % 2, 0, "so it ended");
        cr_expect_str_eq(answer(fd), i % 2 == 0
            ? "ok\nx.ini:1: no\nx.ini:2: no\nso it ended\n"
            : "failed\nx.ini:1: no\nx.ini:2: no\nso it ended\n");
    }
}

Test(admin, keeps_clients_apart)
{
    int first = ask("reload\n");
    uint32_t one = expect_request(VERB_RELOAD, "");
    int second = ask("reload\n");
    uint32_t two = expect_request(VERB_RELOAD, "");

    cr_assert_neq(one, two);
    reply(two, 1, 0, "two");
    reply(one, 0, 0, "one");
    cr_expect_str_eq(answer(first), "ok\none\n");
    cr_expect_str_eq(answer(second), "failed\ntwo\n");
}

Test(admin, drops_replies_to_clients_that_left)
{
    int fd = ask("reload\n");
    uint32_t number = expect_request(VERB_RELOAD, "");

    close(fd);
    reply(number, 0, 1, "x");
    reply(number, 0, 0, "y");
    reply(number + 77, 0, 0, "z");
    fd = ask("upgrade\n");
    reply(expect_request(VERB_UPGRADE, ""), 0, 0, "");
    cr_expect_str_eq(answer(fd), "ok\n");
}

Test(admin, answers_status_from_the_board_and_the_master)
{
    struct status_facts facts = { .version = "9.9", .pid = 5 };
    char told[STATUS_FACTS_SIZE];

    status_facts_format(&facts, told);
    for (int i = 0; i < 2; i++) {
        int fd = ask(i == 0 ? "status\n" : "status json\n");

        reply(expect_request(VERB_STATUS, ""), 0, 0, told);
        cr_expect_eq(strncmp(answer(fd), "ok\n", 3), 0);
        cr_expect(strstr(text, i == 0 ? "\nsallyport 9.9, up "
            : "\"version\": \"9.9\"") != NULL, "%s", text);
        cr_expect(strstr(text, "web") != NULL);
        cr_expect(strstr(text, "1234") != NULL);
        cr_expect(strstr(text, role_name(ROLE_WORKER)) != NULL);
    }
}

/* And does not bother the master, which may be stuck. */
Test(admin, answers_itself_what_it_knows)
{
    for (enum verb verb = 0; verb < VERB_COUNT; verb++) {
        char line[32];

        if (verbs_info(verb)->answers != VERB_BY_ADMIN)
            continue;
        snprintf(line, sizeof(line), "%s\n", verbs_info(verb)->name);
        cr_expect_eq(strncmp(answer(ask(line)), "ok\n", 3), 0, "%s", line);
    }
    cr_expect_not_null(strstr(answer(ask("version\n")), "\nOpenSSL 3"));
}

Test(admin, answers_status_without_the_master)
{
    int fd = ask("status\n");

    reply(expect_request(VERB_STATUS, ""), 0, 0, "nonsense");
    cr_expect(strstr(answer(fd), "ok\nthe master did not answer") == text);
    fd = ask("status json\n");
    expect_request(VERB_STATUS, "");
    cr_expect(strstr(answer(fd), "\"master\": null") != NULL);
}

/* A client that asks without end does not have the admin ended for what it
 * passes on: so many at once, and then one every 20 ms. */
Test(admin, paces_what_it_asks_of_the_master)
{
    enum { ASKED = 150, AT_ONCE = 101, EVERY_MS = 20 };
    struct status_facts facts = { .version = "9.9", .pid = 5 };
    uint64_t began_ms = clock_now_ms();
    char told[STATUS_FACTS_SIZE];

    status_facts_format(&facts, told);
    for (int i = 0; i < ASKED; i++) {
        int fd = ask("status\n");

        reply(expect_request(VERB_STATUS, ""), 0, 0, told);
        cr_assert_eq(strncmp(answer(fd), "ok\n", 3), 0);
    }
    cr_expect_geq(clock_now_ms() - began_ms, (ASKED - AT_ONCE - 1) * EVERY_MS);
}

Test(admin, hands_out_what_it_has_when_the_master_ends)
{
    int done = ask("upgrade\n");
    uint32_t number = expect_request(VERB_UPGRADE, "");
    int waits = ask("reload\n");

    expect_request(VERB_RELOAD, "");
    reply(number, 0, 0, "handed over");
    close(master);
    master = -1;
    cr_expect_str_eq(answer(done), "ok\nhanded over\n");
    cr_expect_str_eq(answer(waits),
        "failed\nthe daemon ended before it had an answer\n");
}

Test(admin, ends_when_the_master_talks_nonsense)
{
    cr_assert_eq(send(master, "nonsense", 8, MSG_NOSIGNAL), 8);
    do
        await(master);
    while (recv(master, packet.bytes, 1, 0) > 0);
}
