#include "roles/role_start.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/scoreboard.h"
#include "ipc/channel.h"

TestSuite(role_start, .timeout = 30);

static struct role_start good = {
    .size = sizeof(good), .role = ROLE_SCOUT, .account = "nobody",
};

Test(role_start, takes_every_role_of_a_child)
{
    for (uint32_t role = 0; role < ROLE_COUNT + 2; role++) {
        bool is_child = role < ROLE_COUNT && role != ROLE_MASTER &&
            role != ROLE_SUCCESSOR;

        good.role = role;
        cr_expect_eq(role_start_judge(&good, sizeof(good)), is_child, "%u",
            role);
    }
}

/* Each is the last value that is in order; one more is not. */
Test(role_start, bounds_every_number)
{
    const struct { uint32_t *field; uint32_t most; } cases[] = {
        { &good.number, WORKERS_MAX - 1 }, { &good.slot, SCOREBOARD_SLOTS - 1 },
        { &good.sandbox, SANDBOX_OFF }, { &good.log_dress, LOG_DRESS_JOURNAL },
        { &good.log_format, LOG_JSON }, { &good.log_level, LOG_LEVEL_DEBUG },
        { &good.workers, WORKERS_MAX }, { &good.keeps_no_keys, 1 },
        { &good.strict, 1 }, { &good.anywhere, 1 }, { &good.unix_sockets, 1 },
        { &good.abstract_sockets, 1 }, { &good.zones, 1 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        *cases[i].field = cases[i].most;
        cr_expect(role_start_judge(&good, sizeof(good)), "%zu", i);
        *cases[i].field = cases[i].most + 1;
        cr_expect_not(role_start_judge(&good, sizeof(good)), "%zu", i);
        *cases[i].field = UINT32_MAX;
        cr_expect_not(role_start_judge(&good, sizeof(good)), "%zu", i);
        *cases[i].field = 0;
    }
}

Test(role_start, wants_its_size_and_texts_that_end)
{
    cr_expect(role_start_judge(&good, sizeof(good)));
    cr_expect_not(role_start_judge(&good, sizeof(good) - 1));
    cr_expect_not(role_start_judge(&good, sizeof(good) + 1));
    cr_expect_not(role_start_judge(&good, 0));
    good.size--;
    cr_expect_not(role_start_judge(&good, sizeof(good)));
    good.size++;
    memset(good.account, 'a', sizeof(good.account));
    cr_expect_not(role_start_judge(&good, sizeof(good)));
}

/* In a process of its own, which gives up the descriptors of the test. */
static int
take_after(bool (*arrange)(int far))
{
    static struct role_start start;
    int pair[2], status;
    pid_t child;

    cr_assert(channel_pair(pair));
    child = fork();
    if (child == 0) {
        if (!arrange(pair[0]) || dup2(pair[1], ROLE_FD_CHANNEL) < 0)
            _exit(2);
        if (good.role == ROLE_WORKER)
            closefrom(ROLE_FD_SCOREBOARD);
        _exit(role_start_take(&start) && start.role == good.role ? 1 : 0);
    }
    close(pair[0]);
    close(pair[1]);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool
send_good(int far)
{
    return role_start_send(far, &good);
}

static bool
send_nothing(int far)
{
    return far >= 0;
}

static bool
send_part(int far)
{
    return send(far, &good, sizeof(good) / 2, 0) > 0;
}

static bool
send_more(int far)
{
    static char bytes[sizeof(good) + 1];

    memcpy(bytes, &good, sizeof(good));
    return send(far, bytes, sizeof(bytes), 0) > 0;
}

static bool
send_a_worker(int far)
{
    good.role = ROLE_WORKER;
    return role_start_send(far, &good);
}

Test(role_start, is_taken_from_the_parent_alone_and_whole)
{
    cr_expect_eq(take_after(send_good), 1);
    cr_expect_eq(take_after(send_nothing), 0);
    cr_expect_eq(take_after(send_part), 0);
    cr_expect_eq(take_after(send_more), 0);
    cr_expect_eq(take_after(send_a_worker), 0, "its descriptors are missing");
}

/* The pair is made by this process itself, and not by its parent. */
static bool
send_to_itself(void)
{
    int pair[2];

    return channel_pair(pair) && role_start_send(pair[0], &good) &&
        dup2(pair[1], ROLE_FD_CHANNEL) >= 0;
}

Test(role_start, is_not_taken_from_others)
{
    static struct role_start start;
    pid_t child = fork();
    int status;

    if (child == 0)
        _exit(send_to_itself() && !role_start_take(&start) ? 0 : 1);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0);
}

Test(role_start, names_processes)
{
    static const struct {
        enum role role;
        unsigned number;
        const char *title, *name;
    } cases[] = {
        { ROLE_WORKER, 0, "sallyport: worker 0", "sallyport:w0" },
        { ROLE_WORKER, 63, "sallyport: worker 63", "sallyport:w63" },
        { ROLE_KEEPER, 1, "sallyport: keeper 1", "sallyport:k1" },
        { ROLE_SCOUT, 0, "sallyport: scout", "sallyport:scout" },
        { ROLE_ADMIN, 0, "sallyport: admin", "sallyport:admin" },
        { ROLE_TRIAL, 0, "sallyport: trial", "sallyport:trial" },
    };
    char title[ROLE_TITLE_SIZE], name[ROLE_NAME_SIZE];

    for (size_t i = 0; i < COUNT(cases); i++) {
        cr_expect_str_eq(role_start_title(cases[i].role, cases[i].number,
                             title), cases[i].title);
        cr_expect_str_eq(role_start_name(cases[i].role, cases[i].number,
                             name), cases[i].name);
        cr_expect(role_start_is_title(title));
    }
    cr_expect_not(role_start_is_title("sallyport"));
    cr_expect_not(role_start_is_title("/usr/bin/sallyport"));
    cr_expect_not(role_start_is_title(""));
}
