#include "base/board.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

static struct board *board;

static void
set_up(void)
{
    board = board_new();
    cr_assert_not_null(board);
}

static void
tear_down(void)
{
    board_free(board);
}

TestSuite(board, .init = set_up, .fini = tear_down, .timeout = 60);

Test(board, services_keep_their_index)
{
    unsigned web = board_service_index(board, "web");
    unsigned mail = board_service_index(board, "mail");

    cr_expect_neq(web, BOARD_ALL);
    cr_expect_neq(mail, BOARD_ALL);
    cr_expect_neq(web, mail);
    cr_expect_eq(board_service_index(board, "web"), web);
    cr_expect_eq(board_service_find(board, "mail"), mail);
    cr_expect_eq(board_service_find(board, "nobody"), BOARD_ALL);
    cr_expect_str_eq(board_service_name(board, web), "web");
    cr_expect_str_eq(board_service_name(board, mail), "mail");
    cr_expect_str_eq(board_service_name(board, BOARD_ALL), "");
    cr_expect_str_eq(board_service_name(board, BOARD_SERVICES), "");
    cr_expect_eq(board_service_count(board), 3);
}

Test(board, counts_in_the_sum_what_has_no_index)
{
    char name[BOARD_NAME_SIZE + 1];

    memset(name, 'n', BOARD_NAME_SIZE);
    name[BOARD_NAME_SIZE] = '\0';
    cr_expect_eq(board_service_index(board, name), BOARD_ALL, "too long");
    for (unsigned i = 1; i < BOARD_SERVICES; i++) {
        snprintf(name, sizeof(name), "service-%u", i);
        cr_expect_eq(board_service_index(board, name), i);
    }
    cr_expect_eq(board_service_index(board, "one more"), BOARD_ALL);
    cr_expect_eq(board_service_index(board, "service-7"), 7);
    cr_expect_str_eq(board_service_name(board, BOARD_SERVICES - 1), name);
}

Test(board, keeps_when_a_process_last_reported)
{
    unsigned slot = board_slot_take(board, 1, 0);

    cr_expect_eq(board_beaten_ms(board, slot), 0);
    board_beat(board, slot, 4711);
    cr_expect_eq(board_beaten_ms(board, slot), 4711);
    /* The next process in its place has not. */
    board_slot_release(board, slot);
    cr_assert_eq(board_slot_take(board, 1, 0), slot);
    cr_expect_eq(board_beaten_ms(board, slot), 0);
}

Test(board, gives_the_lowest_free_slot)
{
    for (unsigned i = 0; i < BOARD_SLOTS; i++)
        cr_expect_eq(board_slot_take(board, 2, i), i);
    cr_expect_eq(board_slot_take(board, 2, 0), BOARD_SLOTS);
    board_slot_release(board, 9);
    board_slot_release(board, 5);
    cr_expect_eq(board_slot_take(board, 3, 77), 5);
    board_slot_set_pid(board, 5, 1234);
    cr_expect(board_slot_info(board, 5).taken);
    cr_expect_eq(board_slot_info(board, 5).pid, 1234);
    cr_expect_eq(board_slot_info(board, 5).kind, 3);
    cr_expect_eq(board_slot_info(board, 5).number, 77);
    cr_expect_not(board_slot_info(board, 9).taken);
    cr_expect_eq(board_slot_count(board), BOARD_SLOTS);
}

Test(board, counters_outlive_a_process_and_gauges_do_not)
{
    unsigned web = board_service_index(board, "web");
    unsigned slot = board_slot_take(board, 2, 0);

    board_count(board, slot, web, BOARD_ACCEPTED, 3);
    board_gauge_add(board, slot, web, 5);
    board_gauge_add(board, slot, web, -2);
    board_gauge_enter(board, slot, BOARD_ALL);
    board_set_waiting(board, slot, web, true);
    board_set_accepting(board, slot, 1);
    cr_expect_eq(board_active(board, web), 3);
    cr_expect_eq(board_slot_info(board, slot).active, 1);
    board_slot_release(board, slot);
    cr_expect_eq(board_active(board, web), 0);
    cr_expect_eq(board_active(board, BOARD_ALL), 0);
    cr_expect_not(board_is_waiting(board, slot, web));
    cr_expect_not(board_any_waiting(board));
    cr_expect_eq(board_slot_take(board, 2, 0), slot);
    cr_expect_eq(board_sum(board, web, BOARD_ACCEPTED), 3);
    board_count(board, slot, web, BOARD_ACCEPTED, 1);
    cr_expect_eq(board_slot_counter(board, slot, web, BOARD_ACCEPTED), 4);
}

Test(board, a_gauge_does_not_go_below_nothing)
{
    unsigned slot = board_slot_take(board, 2, 0);

    board_gauge_enter(board, slot, BOARD_ALL);
    board_slot_release(board, slot);
    board_gauge_leave(board, slot, BOARD_ALL);
    board_gauge_add(board, slot, BOARD_ALL, -9);
    cr_expect_eq(board_active(board, BOARD_ALL), 0);
}

Test(board, who_waits_is_told_once)
{
    unsigned a = board_slot_take(board, 2, 0), b = board_slot_take(board, 2, 1);

    cr_expect_not(board_any_waiting(board));
    board_set_waiting(board, a, BOARD_ALL, true);
    board_set_waiting(board, a, BOARD_ALL, true);
    board_set_waiting(board, b, 7, true);
    cr_expect(board_any_waiting(board));
    cr_expect(board_take_waiting(board, a, BOARD_ALL));
    cr_expect_not(board_take_waiting(board, a, BOARD_ALL));
    cr_expect_not(board_take_waiting(board, a, 7));
    cr_expect(board_any_waiting(board), "the other one does");
    board_set_waiting(board, b, 7, false);
    board_set_waiting(board, b, 7, false);
    cr_expect_not(board_any_waiting(board));
}

Test(board, finds_who_has_least_to_do)
{
    static const uint64_t loads[] = { 4, 2, 9, 2, 0 };
    uint64_t active;

    cr_expect_eq(board_least_loaded(board, 0, &active), BOARD_SLOTS);
    for (unsigned i = 0; i < COUNT(loads); i++) {
        unsigned slot = board_slot_take(board, 2, i);

        board_gauge_add(board, slot, BOARD_ALL, (int)loads[i]);
        board_set_accepting(board, slot, i != 4 ? 5 : 6);
    }
    cr_expect_eq(board_least_loaded(board, 0, &active), 1);
    cr_expect_eq(active, 2);
    board_gauge_move(board, BOARD_ALL, 0, 1);
    cr_expect_eq(board_least_loaded(board, 0, &active), 3);
    cr_expect_eq(board_active(board, BOARD_ALL), 17);
    cr_expect_eq(board_least_loaded(board, 4, &active), 4, "another generation");
    board_set_accepting(board, 0, 0);
    cr_expect_eq(board_least_loaded(board, 0, &active), BOARD_SLOTS);
}

Test(board, a_process_without_work_costs_a_page_or_two)
{
    struct rusage before, after;

    getrusage(RUSAGE_SELF, &before);
    for (unsigned i = 0; i < 16; i++) {
        unsigned slot = board_slot_take(board, 2, i);

        board_gauge_enter(board, slot, BOARD_ALL);
        board_count(board, slot, 1, BOARD_ACCEPTED, 1);
    }
    getrusage(RUSAGE_SELF, &after);
    cr_expect_leq(after.ru_minflt - before.ru_minflt, 40);
}

enum { WRITERS = 4, LAST = 40, ROUNDS = 200000, MOST = 1, MOVES = 8 };

/* What the writers find wrong is shared as well. */
struct findings {
    int begun;
    int too_many;
    int inside;
};

static struct findings *
share_findings(void)
{
    struct findings *findings = mmap(NULL, sizeof(*findings),
        PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    cr_assert_neq(findings, MAP_FAILED);
    return findings;
}

static void
begin_together(struct findings *findings)
{
    __atomic_fetch_add(&findings->begun, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&findings->begun, __ATOMIC_SEQ_CST) < WRITERS)
        ;
}

static void
count_inside(struct findings *findings)
{
    if (__atomic_add_fetch(&findings->inside, 1, __ATOMIC_SEQ_CST) > MOST)
        __atomic_fetch_add(&findings->too_many, 1, __ATOMIC_SEQ_CST);
}

/* From the last to the first is against the order in which gauges are read:
 * whoever reads without care misses it. */
static unsigned
move_around(unsigned slot)
{
    for (int i = 0; i < MOVES; i++) {
        unsigned next = slot == LAST ? 0 : LAST;

        board_gauge_move(board, BOARD_ALL, slot, next);
        slot = next;
    }
    return slot;
}

/* Admits as relay/limits.c does. */
static void
write_as(unsigned slot, struct findings *findings)
{
    begin_together(findings);
    for (int i = 0; i < ROUNDS; i++) {
        unsigned at;

        board_count(board, slot, 1, BOARD_UP_BYTES, 3);
        board_gauge_enter(board, slot, BOARD_ALL);
        if (board_active(board, BOARD_ALL) > MOST) {
            board_gauge_leave(board, slot, BOARD_ALL);
            continue;
        }
        board_count(board, slot, 1, BOARD_ACCEPTED, 1);
        count_inside(findings);
        at = move_around(slot);
        __atomic_fetch_sub(&findings->inside, 1, __ATOMIC_SEQ_CST);
        board_gauge_leave(board, at, BOARD_ALL);
    }
}

Test(board, several_processes_at_once)
{
    struct findings *findings = share_findings();
    int status;

    for (unsigned i = 0; i <= LAST; i++)
        cr_assert_eq(board_slot_take(board, 2, i), i);
    for (unsigned i = 0; i < WRITERS; i++) {
        pid_t pid = fork();

        cr_assert_geq(pid, 0);
        if (pid == 0) {
            write_as(i, findings);
            _exit(0);
        }
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        cr_expect_gt(wait(&status), 0);
        cr_expect_eq(status, 0);
    }
    cr_expect_eq(findings->too_many, 0, "the limit holds");
    cr_expect_eq(board_active(board, BOARD_ALL), 0);
    cr_expect_eq(
        board_sum(board, 1, BOARD_UP_BYTES), (uint64_t)3 * ROUNDS * WRITERS);
    cr_expect_gt(board_sum(board, 1, BOARD_ACCEPTED), 0);
    munmap(findings, sizeof(*findings));
}
