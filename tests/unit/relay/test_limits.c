/* Limits that hold over several workers, and no client that waits for good. */
#include "relay/limits.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "base/log.h"
#include "base/scoreboard.h"
#include "base/scratch.h"
#include "house.h"
#include "relay/acceptor.h"
#include "relay/service.h"

static struct house house;

static void
set_up(void)
{
    struct error error = { .count = 0 };

    cr_assert(log_open(LOG_FILE, scratch_path("log"), LOG_TEXT,
        LOG_LEVEL_WARN, &error));
}

static void
tear_down(void)
{
    log_close();
    scratch_remove();
}

TestSuite(limits, .init = set_up, .fini = tear_down, .timeout = 60);

static void
expect_log(const char *words)
{
    char *log = scratch_read(scratch_path("log"));

    cr_expect_not_null(strstr(log, words), "no \"%s\" in: %s", words, log);
    free(log);
}

Test(limits, services_without_limit_leave_an_eighth)
{
    static const struct { size_t most, want; } cases[] = {
        { 1, 1 }, { 2, 1 }, { 8, 7 }, { 9, 7 }, { 16, 14 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        house_open(&house, cases[i].most, 0);
        for (size_t w = 0; w < HOUSE_WORKERS; w++) {
            house.workers[w].relay.service_count = 2;
            house_door(&house, w, 0);
        }
        house_dial(&house, cases[i].most + 4);
        cr_expect(house_settles_at(&house, cases[i].want), "of %zu",
            cases[i].most);
        house_close(&house);
    }
}

Test(limits, one_for_all_workers)
{
    house_open(&house, 5, 0);
    for (size_t i = 0; i < HOUSE_WORKERS; i++)
        house_door(&house, i, i % 2);
    house_dial(&house, 12);
    cr_assert(house_settles_at(&house, 5));
    for (size_t i = 0; i < 5; i++)
        house_hang_up(&house, i);
    cr_expect(house_settles_at(&house, 5), "the next ones");
    for (size_t i = 5; i < 10; i++)
        house_hang_up(&house, i);
    cr_expect(house_settles_at(&house, 2), "the last ones");
    expect_log("max_connections = 5 is reached: more clients wait until a "
               "connection ends");
    house_close(&house);
}

Test(limits, one_for_each_service)
{
    house_open(&house, 100, 2);
    for (size_t i = 0; i < HOUSE_WORKERS; i++)
        house_door(&house, i, 0);
    house_dial(&house, 4);
    cr_assert(house_settles_at(&house, 2));
    cr_expect_eq(scoreboard_active(house.board, house.made[0]->index), 2);
    for (size_t i = 0; i < HOUSE_WORKERS; i++)
        cr_expect_not(house.workers[i].relay.paused);
    /* The other service has nothing to do with it. */
    for (size_t i = 0; i < HOUSE_WORKERS; i++)
        acceptor_serve(LIST_FIRST(&house.workers[i].relay.acceptors),
            house.made[1]);
    cr_expect(house_settles_at(&house, 4));
    expect_log("web: max_connections = 2 is reached");
    house_close(&house);
}

Test(limits, a_service_without_a_column_counts_here)
{
    house_open(&house, 100, 2);
    house.made[0]->index = SCOREBOARD_ALL;
    house_door(&house, 0, 0);
    house_dial(&house, 5);
    cr_assert(house_settles_at(&house, 2));
    house_hang_up(&house, 0);
    house_hang_up(&house, 1);
    cr_expect(house_settles_at(&house, 2));
    house_hang_up(&house, 2);
    cr_expect(house_settles_at(&house, 2));
    house_close(&house);
}

/* As if another process were between counting in and out just now. */
Test(limits, the_connection_in_the_way_tells)
{
    struct relay *here, *there;

    house_open(&house, 2, 0);
    here = &house.workers[0].relay;
    there = &house.workers[1].relay;
    limits_enter(there, house.made[0]);
    limits_enter(there, house.made[0]);
    cr_expect_not(limits_admit(here, house.made[0]));
    cr_expect(here->paused);
    cr_expect(scoreboard_is_waiting(house.board, here->slot, SCOREBOARD_ALL));
    limits_leave(there, house.made[0]->index);
    cr_expect_not(here->paused);
    cr_expect_eq(house.workers[0].woken, 1);
    cr_expect_not(scoreboard_any_waiting(house.board));
    cr_expect(limits_admit(here, house.made[0]));
    limits_leave(here, house.made[0]->index);
    limits_leave(there, house.made[0]->index);
    house_close(&house);
}

/* The same, but the other one found its own service full. */
Test(limits, the_connection_in_the_way_without_room_tells_too)
{
    struct relay *here, *there;

    house_open(&house, 2, 1);
    here = &house.workers[0].relay;
    there = &house.workers[1].relay;
    limits_enter(there, house.made[0]);
    scoreboard_gauge_enter(house.board, there->slot, SCOREBOARD_ALL);
    cr_expect_not(limits_admit(here, house.made[1]));
    cr_expect(here->paused);
    scoreboard_gauge_leave(house.board, there->slot, SCOREBOARD_ALL);
    cr_expect_not(limits_admit(there, house.made[0]));
    cr_expect(house.made[0]->paused);
    cr_expect_not(here->paused);
    limits_leave(there, house.made[0]->index);
    house_close(&house);
}

Test(limits, a_higher_limit_lets_in_clients_that_wait)
{
    house_open(&house, 1, 0);
    house_door(&house, 0, 0);
    house_dial(&house, 4);
    cr_assert(house_settles_at(&house, 1));
    house.workers[0].relay.max_connections = 3;
    limits_recheck(&house.workers[0].relay);
    cr_expect(house_settles_at(&house, 3));
    house.workers[0].relay.max_connections = 2;
    limits_recheck(&house.workers[0].relay);
    house_hang_up(&house, 0);
    cr_expect(house_settles_at(&house, 2), "one less, and none for it");
    house_close(&house);
}

/* What a waiter was told: p for pause, g for go on. */
static void
note_change(void *arg, bool paused)
{
    char *told = arg;

    told[strlen(told)] = paused ? 'p' : 'g';
}

Test(limits, waiters_hear_of_each_change_once)
{
    char told[8] = "", late[8] = "", other[8] = "";
    struct limit_waiter first = { .changed = note_change, .arg = told };
    struct limit_waiter second = { .changed = note_change, .arg = late };
    struct limit_waiter third = { .changed = note_change, .arg = other };
    struct relay *relay;

    house_open(&house, 100, 1);
    relay = &house.workers[0].relay;
    first.service = second.service = house.made[0];
    third.service = house.made[1];
    limits_join(relay, &first);
    limits_join(relay, &third);
    cr_assert(limits_admit(relay, house.made[0]));
    cr_expect_not(limits_admit(relay, house.made[0]));
    cr_expect_not(limits_admit(relay, house.made[0]));
    limits_join(relay, &second);
    limits_leave(relay, house.made[0]->index);
    cr_expect_str_eq(told, "pg");
    cr_expect_str_eq(late, "pg", "one that joins at the limit");
    cr_expect_str_eq(other, "", "one of another service");
    limits_part(&second);
    cr_assert(limits_admit(relay, house.made[0]));
    cr_expect_not(limits_admit(relay, house.made[0]));
    third.service = house.made[0];
    limits_update(relay, &third);
    cr_expect_str_eq(told, "pgp");
    cr_expect_str_eq(late, "pg", "one that has parted");
    cr_expect_str_eq(other, "p", "one that changed its service");
    limits_part(&first);
    limits_part(&third);
    limits_leave(relay, house.made[0]->index);
    house_close(&house);
}

enum { PROCESSES = 4, ROUNDS = 20000, MOST = 2, PATIENCE_MS = 5000 };

static int handovers[PROCESSES][2];

static void
send_word(void *arg, unsigned slot)
{
    (void)arg;
    cr_assert_eq(send(handovers[slot][1], "", 1, MSG_DONTWAIT), 1);
}

/* False: no worker said a word, though there was room. */
static bool
await_word(struct relay *relay)
{
    struct pollfd handover = { handovers[relay->slot][0], POLLIN, 0 };
    char word;

    if (poll(&handover, 1, PATIENCE_MS) != 1 ||
        recv(handover.fd, &word, 1, 0) != 1)
        return false;
    limits_recheck(relay);
    return true;
}

/* Enters and leaves, as accepted connections do; 0: all went well. */
static int
live(struct scoreboard *board, unsigned slot, struct service *service,
    int *inside)
{
    struct relay relay = { .board = board, .slot = slot,
        .max_connections = MOST, .wake = send_word };

    for (int i = 0; i < ROUNDS; i++) {
        while (relay.paused)
            if (!await_word(&relay))
                return 1;
        if (!limits_admit(&relay, service))
            continue;
        if (__atomic_add_fetch(inside, 1, __ATOMIC_SEQ_CST) > MOST)
            return 2;
        if (i % 64 == 0)
            usleep(10); /* others find it full, and go to sleep */
        __atomic_fetch_sub(inside, 1, __ATOMIC_SEQ_CST);
        limits_leave(&relay, service->index);
    }
    return 0;
}

Test(limits, no_wake_up_is_lost_between_processes)
{
    struct scoreboard *board = scoreboard_new();
    struct service_config config = { .name = (char *)"web" };
    struct service service = { .config = &config,
        .index = scoreboard_service_index(board, "web") };
    int *inside = mmap(NULL, sizeof(*inside), PROT_READ | PROT_WRITE,
        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;

    cr_assert_neq(inside, MAP_FAILED);
    for (unsigned i = 0; i < PROCESSES; i++) {
        cr_assert_eq(scoreboard_slot_take(board, 0, i), i);
        cr_assert_eq(
            socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, handovers[i]), 0);
    }
    for (unsigned i = 0; i < PROCESSES; i++)
        if (fork() == 0)
            _exit(live(board, i, &service, inside));
    for (unsigned i = 0; i < PROCESSES; i++) {
        cr_expect_gt(wait(&status), 0);
        cr_expect_eq(status, 0, "code %d", WEXITSTATUS(status));
    }
    cr_expect_eq(scoreboard_active(board, SCOREBOARD_ALL), 0);
    cr_expect_eq(scoreboard_active(board, service.index), 0);
    munmap(inside, sizeof(*inside));
    scoreboard_free(board);
}
