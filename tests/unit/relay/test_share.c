#include "relay/share.h"

#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/scoreboard.h"
#include "config/config_fault.h"
#include "config/config_match.h"
#include "net/wire.h"
#include "relay/acceptor.h"
#include "relay/house.h"
#include "relay/service.h"

/* The first service of a house takes SSH, the second one the rest. */
enum { SSH, REST };

static struct house house;
static struct match_rules ssh, none;
static struct share *share;

static void
set_up_share(void)
{
    struct fault fault;

    cr_assert(config_match_add(&ssh, "proto:ssh", &fault));
    share = calloc(1, sizeof(*share));
    cr_assert_not_null(share);
    share->references = 1;
    share->origin = config_ref(&house.config);
    share->sniff_ms = SECONDS(60);
    share->home = REST;
    share->count = HOUSE_SERVICES;
    share->members = calloc(HOUSE_SERVICES, sizeof(*share->members));
    cr_assert_not_null(share->members);
    cr_assert(match_table_open(&share->table, ssh.count));
    for (uint32_t i = 0; i < HOUSE_SERVICES; i++) {
        share->members[i].service = service_ref(house.made[i]);
        match_table_add(&share->table, i, i == SSH ? &ssh : &none);
    }
    match_table_sort(&share->table);
}

static void
open_house(unsigned each)
{
    house_open(&house, 1000, each);
    set_up_share();
    acceptor_divide(house_door(&house, 0, REST), share);
}

static void
tear_down(void)
{
    share_unref(share);
    house_close(&house); /* nothing is counted in any more */
    config_match_clear(&ssh);
}

TestSuite(share, .fini = tear_down, .timeout = 60);

static uint64_t
active_of(unsigned service)
{
    return scoreboard_active(house.board, house.made[service]->index);
}

static void
say(size_t client, const char *what)
{
    cr_assert_eq(send(house.clients[client], what, strlen(what), 0),
        (ssize_t)strlen(what));
}

Test(share, counts_clients_in_once_they_have_a_service)
{
    open_house(0);
    house_dial(&house, 2);
    cr_assert(house_settles_at(&house, 2));
    cr_expect_eq(scoreboard_active(house.board, SCOREBOARD_ALL), 2);
    cr_expect_eq(active_of(SSH) + active_of(REST), 0);
    say(0, "SSH-2.0-x\r\n");
    say(1, "GET / HTTP/1.0\r\n");
    cr_assert(house_settles_at(&house, 2));
    cr_expect_eq(active_of(SSH), 1);
    cr_expect_eq(active_of(REST), 1);
    cr_expect_eq(house.made[SSH]->connections, 1);
    cr_expect_eq(house.made[REST]->connections, 1);
    cr_expect_eq(scoreboard_active(house.board, SCOREBOARD_ALL), 2);
}

/* The limit of one service stops neither accepting nor the other one. */
Test(share, refuses_clients_of_a_full_service_alone)
{
    open_house(1);
    house_dial(&house, 3);
    cr_assert(house_settles_at(&house, 3));
    say(0, "SSH-2.0-x\r\n");
    cr_assert(house_settles_at(&house, 3));
    say(1, "SSH-2.0-x\r\n");
    cr_assert(house_settles_at(&house, 2));
    cr_expect_eq(active_of(SSH), 1);
    say(2, "GET / HTTP/1.0\r\n");
    cr_assert(house_settles_at(&house, 2));
    cr_expect_eq(active_of(REST), 1);
}

Test(share, forgets_undecided_clients_that_leave)
{
    open_house(0);
    house_dial(&house, 2);
    cr_assert(house_settles_at(&house, 2));
    say(0, "SS");
    cr_assert(house_settles_at(&house, 2));
    house_hang_up(&house, 0);
    house_hang_up(&house, 1);
    cr_assert(house_settles_at(&house, 0));
    cr_expect_eq(scoreboard_active(house.board, SCOREBOARD_ALL), 0);
}

/* Two services of 20 places: each may have 17 of them, and so may those that say
 * nothing. */
Test(share, leaves_room_beside_clients_that_say_nothing)
{
    struct relay *relay = &house.workers[0].relay;

    house_open(&house, 20, 0);
    set_up_share();
    relay->workers = 1;
    relay->service_count = HOUSE_SERVICES;
    acceptor_divide(house_door(&house, 0, REST), share);
    house_dial(&house, 30);
    cr_assert(house_settles_at(&house, 17));
    cr_expect_not(relay->paused, "the others of this worker accept on");
    say(0, "SSH-2.0-x\r\n");
    cr_assert(house_settles_at(&house, 18));
    house_hang_up(&house, 1);
    cr_assert(house_settles_at(&house, 18), "the next one comes in");
    cr_expect_eq(share->undecided, 17);
}

/* The acceptor is shared no more: its own service has whatever they say. */
Test(share, leaves_clients_to_what_is_alone_after_a_reload)
{
    struct relay *relay = &house.workers[0].relay;

    open_house(0);
    house_dial(&house, 1);
    cr_assert(house_settles_at(&house, 1));
    acceptor_divide(LIST_FIRST(&relay->acceptors), NULL);
    relay->changes++;
    say(0, "SSH-2.0-x\r\n");
    cr_assert(house_settles_at(&house, 1));
    cr_expect_eq(active_of(SSH), 0);
    cr_expect_eq(active_of(REST), 1);
}

Test(share, is_drained_with_its_last_service)
{
    open_house(0);
    cr_expect_not(share_drain(share, "web"));
    cr_expect_not(share_drain(share, "other"));
    house_dial(&house, 2);
    cr_assert(house_settles_at(&house, 2));
    say(0, "SSH-2.0-x\r\n");
    say(1, "GET / HTTP/1.0\r\n");
    cr_expect(house_settles_at(&house, 2));
    cr_expect_eq(active_of(SSH), 0, "its client reads that it is refused");
    cr_expect_eq(active_of(REST), 1);
    cr_expect(share_drain(share, "mail"));
}
