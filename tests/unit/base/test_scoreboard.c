#include "base/scoreboard_internal.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

static struct scoreboard *board;

static void
set_up(void)
{
    board = scoreboard_new();
    cr_assert_not_null(board);
}

static void
tear_down(void)
{
    scoreboard_free(board);
}

TestSuite(board, .init = set_up, .fini = tear_down, .timeout = 60);

Test(board, services_keep_their_index)
{
    unsigned web = scoreboard_service_index(board, "web");
    unsigned mail = scoreboard_service_index(board, "mail");

    cr_expect_neq(web, SCOREBOARD_ALL);
    cr_expect_neq(mail, SCOREBOARD_ALL);
    cr_expect_neq(web, mail);
    cr_expect_eq(scoreboard_service_index(board, "web"), web);
    cr_expect_eq(scoreboard_service_find(board, "mail"), mail);
    cr_expect_eq(scoreboard_service_find(board, "nobody"), SCOREBOARD_ALL);
    cr_expect_str_eq(scoreboard_service_name(board, web), "web");
    cr_expect_str_eq(scoreboard_service_name(board, mail), "mail");
    cr_expect_str_eq(scoreboard_service_name(board, SCOREBOARD_ALL), "");
    cr_expect_str_eq(scoreboard_service_name(board, SCOREBOARD_SERVICES), "");
    cr_expect_eq(scoreboard_service_count(board), 3);
}

Test(board, counts_in_the_sum_what_has_no_index)
{
    char name[SCOREBOARD_NAME_SIZE + 1];

    memset(name, 'n', SCOREBOARD_NAME_SIZE);
    name[SCOREBOARD_NAME_SIZE] = '\0';
    cr_expect_eq(scoreboard_service_index(board, name), SCOREBOARD_ALL,
        "too long");
    for (unsigned i = 1; i < SCOREBOARD_SERVICES; i++) {
        snprintf(name, sizeof(name), "service-%u", i);
        cr_expect_eq(scoreboard_service_index(board, name), i);
    }
    cr_expect_eq(scoreboard_service_index(board, "one more"), SCOREBOARD_ALL);
    cr_expect_eq(scoreboard_service_index(board, "service-7"), 7);
    cr_expect_str_eq(scoreboard_service_name(board, SCOREBOARD_SERVICES - 1),
        name);
}

Test(board, keeps_when_a_process_last_reported)
{
    unsigned slot = scoreboard_slot_take(board, 1, 0);

    cr_expect_eq(scoreboard_beaten_ms(board, slot), 0);
    scoreboard_beat(board, slot, 4711);
    cr_expect_eq(scoreboard_beaten_ms(board, slot), 4711);
    /* The next process in its place has not. */
    scoreboard_slot_release(board, slot);
    cr_assert_eq(scoreboard_slot_take(board, 1, 0), slot);
    cr_expect_eq(scoreboard_beaten_ms(board, slot), 0);
}

Test(board, gives_the_lowest_free_slot)
{
    for (unsigned i = 0; i < SCOREBOARD_SLOTS; i++)
        cr_expect_eq(scoreboard_slot_take(board, 2, i), i);
    cr_expect_eq(scoreboard_slot_take(board, 2, 0), SCOREBOARD_SLOTS);
    scoreboard_slot_release(board, 9);
    scoreboard_slot_release(board, 5);
    cr_expect_eq(scoreboard_slot_take(board, 3, 77), 5);
    scoreboard_slot_set_pid(board, 5, 1234);
    cr_expect(scoreboard_slot_info(board, 5).taken);
    cr_expect_eq(scoreboard_slot_info(board, 5).pid, 1234);
    cr_expect_eq(scoreboard_slot_info(board, 5).kind, 3);
    cr_expect_eq(scoreboard_slot_info(board, 5).number, 77);
    cr_expect_not(scoreboard_slot_info(board, 9).taken);
    cr_expect_eq(scoreboard_slot_count(board), SCOREBOARD_SLOTS);
}

Test(board, counters_outlive_a_process_and_gauges_do_not)
{
    unsigned web = scoreboard_service_index(board, "web");
    unsigned slot = scoreboard_slot_take(board, 2, 0);

    scoreboard_count(board, slot, web, METRIC_ACCEPTED, 3);
    for (int i = 0; i < 4; i++)
        scoreboard_gauge_enter(board, slot, web);
    scoreboard_gauge_leave(board, slot, web);
    scoreboard_gauge_enter(board, slot, SCOREBOARD_ALL);
    scoreboard_set_waiting(board, slot, web, true);
    scoreboard_set_accepting(board, slot, 1);
    cr_expect_eq(scoreboard_active(board, web), 3);
    cr_expect_eq(scoreboard_slot_info(board, slot).active, 1);
    scoreboard_slot_release(board, slot);
    cr_expect_eq(scoreboard_active(board, web), 0);
    cr_expect_eq(scoreboard_active(board, SCOREBOARD_ALL), 0);
    cr_expect_not(scoreboard_is_waiting(board, slot, web));
    cr_expect_not(scoreboard_any_waiting(board));
    cr_expect_eq(scoreboard_slot_take(board, 2, 0), slot);
    cr_expect_eq(scoreboard_sum(board, web, METRIC_ACCEPTED), 3);
    scoreboard_count(board, slot, web, METRIC_ACCEPTED, 1);
    cr_expect_eq(scoreboard_slot_counter(board, slot, web, METRIC_ACCEPTED),
        4);
}

/* Its process may write where no service is yet. */
Test(board, a_new_service_begins_without_connections)
{
    unsigned slot = scoreboard_slot_take(board, 2, 0);
    unsigned next = scoreboard_service_count(board);

    scoreboard_gauge_enter(board, slot, next);
    scoreboard_set_waiting(board, slot, next, true);
    scoreboard_slot_release(board, slot);
    cr_expect_eq(scoreboard_service_index(board, "new"), next);
    cr_expect_eq(scoreboard_active(board, next), 0);
    cr_expect_not(scoreboard_is_waiting(board, slot, next));
}

static unsigned
count_pages_of(unsigned slot)
{
    const struct scoreboard_slot *begin = &board->shared->slots[slot];
    unsigned char there[sizeof(*begin) / SCOREBOARD_PAGE_BYTES];
    unsigned count = 0;

    cr_assert_eq(mincore((void *)begin, sizeof(*begin), there), 0);
    for (size_t i = 0; i < sizeof(there); i++)
        count += there[i] & 1;
    return count;
}

/* A look alone makes pages of shared memory. */
Test(board, a_process_of_few_services_takes_few_pages)
{
    unsigned slot = scoreboard_slot_take(board, 2, 0);

    scoreboard_service_index(board, "web");
    scoreboard_slot_release(board, slot);
    cr_expect_leq(count_pages_of(slot), 1);
}

Test(board, a_gauge_does_not_go_below_nothing)
{
    unsigned slot = scoreboard_slot_take(board, 2, 0);

    scoreboard_gauge_enter(board, slot, SCOREBOARD_ALL);
    scoreboard_slot_release(board, slot);
    scoreboard_gauge_leave(board, slot, SCOREBOARD_ALL);
    cr_expect_eq(scoreboard_active(board, SCOREBOARD_ALL), 0);
}

Test(board, a_worker_that_waits_is_told_once)
{
    unsigned a = scoreboard_slot_take(board, 2, 0),
             b = scoreboard_slot_take(board, 2, 1);

    cr_expect_not(scoreboard_any_waiting(board));
    scoreboard_set_waiting(board, a, SCOREBOARD_ALL, true);
    scoreboard_set_waiting(board, a, SCOREBOARD_ALL, true);
    scoreboard_set_waiting(board, b, 7, true);
    cr_expect(scoreboard_any_waiting(board));
    cr_expect(scoreboard_must_wake(board, a, 7), "it waits for any");
    cr_expect_not(scoreboard_must_wake(board, a, SCOREBOARD_ALL),
        "it has been told");
    scoreboard_set_waiting(board, a, SCOREBOARD_ALL, true);
    cr_expect(scoreboard_must_wake(board, a, SCOREBOARD_ALL), "it asks anew");
    scoreboard_set_waiting(board, a, SCOREBOARD_ALL, false);
    cr_expect_not(scoreboard_must_wake(board, a, SCOREBOARD_ALL));
    cr_expect(scoreboard_any_waiting(board), "the other one does");
    cr_expect_not(scoreboard_must_wake(board, b, 8));
    cr_expect(scoreboard_must_wake(board, b, 7));
    scoreboard_set_waiting(board, b, 7, false);
    scoreboard_set_waiting(board, b, 7, false);
    cr_expect_not(scoreboard_any_waiting(board));
    scoreboard_set_waiting(board, b, 7, true);
    scoreboard_slot_release(board, b);
    cr_expect_not(scoreboard_any_waiting(board), "it has ended");
}

/* A worker that has been taken over writes what it likes to its own slot.
 * Promise 46. */
Test(board, no_process_is_counted_with_more_than_it_may_have)
{
    unsigned web = scoreboard_service_index(board, "web");
    unsigned a = scoreboard_slot_take(board, 2, 0), b = scoreboard_slot_take(board, 2, 1);

    scoreboard_raise_most(board, web, 5);
    scoreboard_raise_most(board, web, 3);
    for (int i = 0; i < 9; i++)
        scoreboard_gauge_enter(board, a, web);
    scoreboard_gauge_enter(board, b, web);
    cr_expect_eq(scoreboard_active(board, web), 6);
    scoreboard_raise_most(board, web, 20);
    cr_expect_eq(scoreboard_active(board, web), 10);
    for (int i = 0; i < 5; i++)
        scoreboard_gauge_leave(board, b, web);
    cr_expect_eq(scoreboard_active(board, web), 9, "none is counted with less");
    scoreboard_count(board, a, web, METRIC_UP_BYTES, UINT64_MAX - 1);
    scoreboard_count(board, b, web, METRIC_UP_BYTES, 7);
    cr_expect_eq(scoreboard_sum(board, web, METRIC_UP_BYTES), UINT64_MAX);
}

Test(board, one_process_logs_for_all_and_none_keeps_others_silent)
{
    unsigned a = scoreboard_slot_take(board, 2, 0), b = scoreboard_slot_take(board, 2, 1);

    cr_expect(
        scoreboard_notice_is_due(board, a, SCOREBOARD_NOTICE_LIMIT, 60000));
    cr_expect_not(
        scoreboard_notice_is_due(board, b, SCOREBOARD_NOTICE_LIMIT, 60000));
    cr_expect_not(
        scoreboard_notice_is_due(board, a, SCOREBOARD_NOTICE_LIMIT, 60000));
    cr_expect(
        scoreboard_notice_is_due(board, b, SCOREBOARD_NOTICE_EXHAUSTED, 60000));
    cr_expect(scoreboard_notice_is_due(board, b, SCOREBOARD_NOTICE_LIMIT, 0));
}

Test(board, finds_the_worker_with_least_to_do)
{
    static const uint64_t loads[] = { 4, 2, 9, 2, 0 };
    uint32_t pending[SCOREBOARD_SLOTS] = { 0 };
    uint64_t active;

    cr_expect_eq(scoreboard_least_loaded(board, 0, 9000, NULL, &active),
        SCOREBOARD_SLOTS);
    for (unsigned i = 0; i < COUNT(loads); i++) {
        unsigned slot = scoreboard_slot_take(board, 2, i);

        for (uint64_t j = 0; j < loads[i]; j++)
            scoreboard_gauge_enter(board, slot, SCOREBOARD_ALL);
        scoreboard_set_accepting(board, slot, i != 4 ? 5 : 6);
        scoreboard_beat(board, slot, 9000 - i * SCOREBOARD_FRESH_MS / 4);
    }
    cr_expect_eq(scoreboard_least_loaded(board, 0, 9000, NULL, &active), 1);
    cr_expect_eq(active, 2);
    /* One of the first's is on its way to the second. */
    pending[1] = 1;
    cr_expect_eq(scoreboard_least_loaded(board, 0, 9000, pending, &active), 3);
    scoreboard_set_away(board, 0, 4);
    cr_expect_eq(scoreboard_least_loaded(board, 0, 9000, pending, &active), 0);
    cr_expect_eq(active, 0);
    scoreboard_set_away(board, 0, UINT64_MAX);
    cr_expect_eq(scoreboard_least_loaded(board, 0, 9000, pending, &active), 0);
    cr_expect_eq(active, 0, "of one that was taken over");
    scoreboard_set_away(board, 0, 0);
    scoreboard_set_away(board, 2, 8);
    cr_expect_eq(scoreboard_least_loaded(board, 0, 9000, NULL, &active), 2);
    cr_expect_eq(active, 1, "what another one has sent away");
    cr_expect_eq(scoreboard_active(board, SCOREBOARD_ALL), 17);
    cr_expect_eq(scoreboard_least_loaded(board, 4, 9000, NULL, &active), 4,
        "another generation");
    scoreboard_set_accepting(board, 0, 0);
    cr_expect_eq(
        scoreboard_least_loaded(board, 0, 9000, NULL, &active), SCOREBOARD_SLOTS);
}

Test(board, offers_nothing_to_a_process_that_is_silent)
{
    uint64_t active;

    for (unsigned i = 0; i < 3; i++) {
        scoreboard_set_accepting(board, scoreboard_slot_take(board, 2, i), 5);
        for (unsigned j = i; j < 10; j++)
            scoreboard_gauge_enter(board, i, SCOREBOARD_ALL);
    }
    cr_expect_eq(scoreboard_least_loaded(board, 0, 9000, NULL, &active), 0,
        "no other service has ever been heard of");
    scoreboard_beat(board, 1, 9000);
    scoreboard_beat(board, 2, 9000 - SCOREBOARD_FRESH_MS - 1);
    cr_expect_eq(scoreboard_least_loaded(board, 0, 9000, NULL, &active), 1);
    cr_expect_eq(scoreboard_least_loaded(board, 2, 9000, NULL, &active), 2,
        "its own");
    scoreboard_beat(board, 2, 9000 - SCOREBOARD_FRESH_MS);
    cr_expect_eq(scoreboard_least_loaded(board, 0, 9000, NULL, &active), 2);
    scoreboard_beat(board, 2, 9001);
    cr_expect_eq(scoreboard_least_loaded(board, 0, 9000, NULL, &active), 2,
        "heard of while the clock was read");
}

Test(board, a_process_without_work_costs_a_page_or_two)
{
    struct rusage before, after;

    getrusage(RUSAGE_SELF, &before);
    for (unsigned i = 0; i < 16; i++) {
        unsigned slot = scoreboard_slot_take(board, 2, i);

        scoreboard_gauge_enter(board, slot, SCOREBOARD_ALL);
        scoreboard_count(board, slot, 1, METRIC_ACCEPTED, 1);
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

/* As between two processes: here one process has both slots.  Down is against
 * the order in which gauges are read: a reader without care misses it. */
static unsigned
move_around(unsigned slot)
{
    for (int i = 0; i < MOVES; i++) {
        unsigned next = LAST - slot;

        scoreboard_gauge_enter(board, next, SCOREBOARD_ALL);
        scoreboard_note_move(board, next);
        scoreboard_gauge_leave(board, slot, SCOREBOARD_ALL);
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

        scoreboard_count(board, slot, 1, METRIC_UP_BYTES, 3);
        scoreboard_gauge_enter(board, slot, SCOREBOARD_ALL);
        if (scoreboard_active(board, SCOREBOARD_ALL) > MOST) {
            scoreboard_gauge_leave(board, slot, SCOREBOARD_ALL);
            continue;
        }
        scoreboard_count(board, slot, 1, METRIC_ACCEPTED, 1);
        count_inside(findings);
        at = move_around(slot);
        __atomic_fetch_sub(&findings->inside, 1, __ATOMIC_SEQ_CST);
        scoreboard_gauge_leave(board, at, SCOREBOARD_ALL);
    }
}

/* Whether the page at `address` can be written, or made so.  In a child, as a
 * write that is refused is the end. */
static bool
can_write(const void *address)
{
    void *page = (void *)((uintptr_t)address & ~(uintptr_t)4095);
    struct iovec here = { page, 1 }, there = { page, 1 };

    (void)mprotect(page, 4096, PROT_READ | PROT_WRITE);
    return process_vm_writev(getpid(), &here, 1, &there, 1, 0) == 1;
}

/* 0: all is as it should be.  The shared mappings are found as a process that
 * has been taken over finds them. */
static int
judge_mappings(size_t writable_bytes)
{
    unsigned long from, to, found = 0;
    char line[512], flags[5];
    FILE *maps = fopen("/proc/self/maps", "r");

    if (maps == NULL)
        return 1;
    while (fgets(line, sizeof(line), maps) != NULL)
        if (strstr(line, "sallyport-board") != NULL &&
            sscanf(line, "%lx-%lx %4s", &from, &to, flags) == 3)
            for (unsigned long page = from; page < to; page += 4096)
                found += can_write((void *)page) ? 4096 : 0;
    fclose(maps);
    return found == writable_bytes ? 0 : 2;
}

/* As a process that was executed anew sees it. */
static bool
be_another(unsigned slot)
{
    int fd = scoreboard_descriptor(board);
    struct scoreboard *there = slot < SCOREBOARD_SLOTS
        ? scoreboard_open_slot(fd, scoreboard_write_descriptor(board), slot)
        : scoreboard_open(fd);

    scoreboard_free(board);
    board = there;
    return board != NULL;
}

static int
run_confined(unsigned slot, uint64_t active, size_t writable_bytes)
{
    int status;
    pid_t pid = fork();

    cr_assert_geq(pid, 0);
    if (pid == 0) {
        if (!be_another(slot))
            _exit(3);
        if (slot < SCOREBOARD_SLOTS) {
            scoreboard_gauge_enter(board, slot, 1);
            scoreboard_count(board, slot, 1, METRIC_ACCEPTED, 2);
        }
        if (scoreboard_active(board, 1) != active)
            _exit(4);
        _exit(judge_mappings(writable_bytes));
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -status;
}

/* Promise 46 */
Test(board, a_process_can_write_its_own_slot_only)
{
    unsigned a = scoreboard_slot_take(board, 2, 0), b = scoreboard_slot_take(board, 2, 1);
    const size_t slot_bytes = sizeof(struct scoreboard_slot);

    cr_assert_eq(scoreboard_service_index(board, "web"), 1);
    scoreboard_gauge_enter(board, a, 1);
    cr_expect_eq(run_confined(b, 2, slot_bytes), 0);
    cr_expect_eq(scoreboard_active(board, 1), 2, "it was seen here");
    cr_expect_eq(scoreboard_sum(board, 1, METRIC_ACCEPTED), 2);
    scoreboard_slot_release(board, b);
    cr_expect_eq(scoreboard_active(board, 1), 1);
    cr_expect_eq(run_confined(SCOREBOARD_SLOTS, 1, 0), 0, "or nothing");
    cr_expect_eq(
        run_confined(SCOREBOARD_SLOTS - 1, 1, slot_bytes), 0, "the last one");
    cr_expect_eq(run_confined(0, 1, slot_bytes), 0, "the first one");
}

/* What a confined process goes by itself, even if its slot says otherwise. */
Test(board, a_process_believes_itself)
{
    unsigned slot = scoreboard_slot_take(board, 2, 0);
    int status;
    pid_t pid = fork();

    cr_assert_geq(pid, 0);
    if (pid == 0) {
        if (!be_another(slot))
            _exit(3);
        scoreboard_gauge_enter(board, slot, 1);
        board->own->cells[1].metrics[METRIC_ACTIVE] = 1000000;
        if (scoreboard_active(board, 1) != 1)
            _exit(4);
        scoreboard_gauge_enter(board, slot, 1);
        _exit(board->own->cells[1].metrics[METRIC_ACTIVE] == 2 ? 0 : 5);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_expect_eq(status, 0, "%#x", (unsigned)status);
}

Test(board, is_read_through_a_descriptor)
{
    struct scoreboard *there;
    int fd;

    scoreboard_service_index(board, "web");
    cr_expect_eq(fcntl(scoreboard_descriptor(board), F_GETFL) & O_ACCMODE,
        O_RDONLY);
    there = scoreboard_open(scoreboard_descriptor(board));
    cr_assert_not_null(there);
    cr_expect_str_eq(scoreboard_service_name(there, 1), "web");
    scoreboard_gauge_enter(board, scoreboard_slot_take(board, 2, 0),
        SCOREBOARD_ALL);
    cr_expect_eq(scoreboard_active(there, SCOREBOARD_ALL), 1);
    scoreboard_free(there);
    cr_expect_null(scoreboard_open(-1));
    cr_expect_null(scoreboard_open_slot(scoreboard_descriptor(board), -1, 0));
    cr_expect_null(scoreboard_open_slot(scoreboard_descriptor(board),
                       scoreboard_descriptor(board), 0),
        "no rights");
    fd = memfd_create("short", MFD_CLOEXEC);
    cr_expect_null(scoreboard_open(fd), "another size");
    close(fd);
}

Test(board, several_processes_at_once)
{
    struct findings *findings = share_findings();
    int status;

    for (unsigned i = 0; i <= LAST; i++)
        cr_assert_eq(scoreboard_slot_take(board, 2, i), i);
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
    cr_expect_eq(scoreboard_active(board, SCOREBOARD_ALL), 0);
    cr_expect_eq(scoreboard_sum(board, 1, METRIC_UP_BYTES),
        (uint64_t)3 * ROUNDS * WRITERS);
    cr_expect_gt(scoreboard_sum(board, 1, METRIC_ACCEPTED), 0);
    munmap(findings, sizeof(*findings));
}
