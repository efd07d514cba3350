#include "relay/acceptor.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/address.h"
#include "base/error.h"
#include "base/log.h"
#include "base/scoreboard.h"
#include "base/scratch.h"
#include "house.h"
#include "net/loop.h"
#include "net/wire.h"
#include "relay/conn.h"
#include "relay/limits.h"
#include "relay/service.h"

static struct house house;

static void
set_up(void)
{
    scratch_log_open(LOG_LEVEL_WARN);
    house_open(&house, 1000, 0);
}

static void
tear_down(void)
{
    house_close(&house);
    log_close();
    scratch_remove();
}

TestSuite(acceptor, .init = set_up, .fini = tear_down, .timeout = 60);

static uint64_t
sum(unsigned service, enum metric_cell cell)
{
    return scoreboard_sum(house.board, service, cell);
}

Test(acceptor, serves_who_knocks)
{
    struct acceptor *acceptor = house_door(&house, 0, 0);
    unsigned web = house.made[0]->index;

    cr_expect_str_eq(acceptor_text(acceptor), "here");
    cr_expect_eq(acceptor_find(&house.workers[0].relay, 7), acceptor);
    cr_expect_null(acceptor_find(&house.workers[0].relay, 8));
    cr_expect_null(acceptor_find(&house.workers[1].relay, 7));
    house_dial(&house, 3);
    cr_assert(house_settles_at(&house, 3));
    cr_expect_eq(scoreboard_active(house.board, web), 3);
    cr_expect_eq(scoreboard_active(house.board, SCOREBOARD_ALL), 3);
    house_hang_up(&house, 1);
    cr_assert(house_settles_at(&house, 2));
    cr_expect_eq(scoreboard_active(house.board, web), 2);
    cr_expect_eq(sum(web, METRIC_ACCEPTED), 3);
    cr_expect_eq(sum(SCOREBOARD_ALL, METRIC_ACCEPTED), 3);
    cr_expect_eq(sum(web, METRIC_ENDED_BADLY), 1);
    cr_expect_eq(sum(SCOREBOARD_ALL, METRIC_ENDED_WELL), 0);
}

Test(acceptor, serves_another_service_from_then_on)
{
    struct acceptor *acceptor = house_door(&house, 0, 0);

    house_dial(&house, 1);
    cr_assert(house_settles_at(&house, 1));
    acceptor_serve(acceptor, house.made[0]);
    acceptor_serve(acceptor, house.made[1]);
    cr_expect_eq(acceptor_service(acceptor), house.made[1]);
    house_dial(&house, 2);
    cr_assert(house_settles_at(&house, 3));
    cr_expect_eq(house.made[0]->connections, 1, "it goes on as it began");
    cr_expect_eq(house.made[1]->connections, 2);
}

Test(acceptor, a_service_goes_with_its_last_connection)
{
    struct acceptor *acceptor = house_door(&house, 0, 0);
    struct service *web = house.made[0];

    cr_expect_eq(web->references, 2, "the list and the door");
    house_dial(&house, 2);
    cr_assert(house_settles_at(&house, 2));
    cr_expect_eq(web->references, 4);
    acceptor_serve(acceptor, house.made[1]);
    cr_expect_eq(web->references, 3);
    house_hang_up(&house, 0);
    cr_assert(house_settles_at(&house, 1));
    cr_expect_eq(web->references, 2);
}

Test(acceptor, lets_in_who_waits_before_it_closes)
{
    struct acceptor *acceptor = house_door(&house, 0, 0);

    house.workers[0].relay.max_connections = 2;
    house_dial(&house, 6);
    cr_assert(house_settles_at(&house, 2));
    acceptor_close(acceptor, true);
    cr_expect_eq(house_connections(&house), 6);
    cr_expect_eq(scoreboard_active(house.board, SCOREBOARD_ALL), 6);
    house_dial(&house, 1);
    cr_expect(house_settles_at(&house, 6), "no acceptor accepts any more");
    cr_expect(LIST_EMPTY(&house.workers[0].relay.acceptors));
}

Test(acceptor, closes_at_once)
{
    struct acceptor *acceptor = house_door(&house, 0, 0);

    house_dial(&house, 2);
    acceptor_close(acceptor, false);
    cr_expect(house_settles_at(&house, 0));
    house_door(&house, 1, 0);
    cr_expect(house_settles_at(&house, 2), "another has the socket too");
}

static void
let_all_accept(void)
{
    for (size_t i = 0; i < HOUSE_WORKERS; i++) {
        unsigned slot = house.workers[i].relay.slot;

        scoreboard_set_accepting(house.board, slot, 1);
        scoreboard_beat(house.board, slot, UINT64_MAX);
    }
}

Test(acceptor, hands_over_to_who_has_less)
{
    uint16_t port;
    int fd = wire_listen(false, 64, &port);

    /* The others have an acceptor of the same number, where no client comes. */
    fcntl(fd, F_SETFL, O_NONBLOCK);
    house_door(&house, 0, 0);
    for (size_t i = 1; i < HOUSE_WORKERS; i++)
        cr_assert_not_null(acceptor_open(&house.workers[i].relay, 7,
            fcntl(fd, F_DUPFD_CLOEXEC, 0), "there", false, house.made[0]));
    let_all_accept();
    house_dial(&house, 30);
    cr_assert(house_settles_at(&house, 30));
    for (size_t i = 0; i < HOUSE_WORKERS; i++) {
        const struct relay *relay = &house.workers[i].relay;

        cr_expect_geq(relay->connections, 8, "%zu", relay->connections);
        cr_expect_leq(relay->connections, 13, "%zu", relay->connections);
        cr_expect_eq(scoreboard_slot_active(house.board, relay->slot,
                         SCOREBOARD_ALL),
            relay->connections);
    }
    cr_expect_eq(sum(SCOREBOARD_ALL, METRIC_ACCEPTED), 30, "once each");
    cr_expect_eq(sum(SCOREBOARD_ALL, METRIC_HANDED_OVER),
        30 - house.workers[0].relay.connections);
    close(fd);
}

Test(acceptor, keeps_whom_it_cannot_hand_over)
{
    house_door(&house, 0, 0);
    let_all_accept();
    house.deaf = true;
    house_dial(&house, 10);
    cr_assert(house_settles_at(&house, 10));
    cr_expect_eq(house.workers[0].relay.connections, 10);
    cr_expect_eq(scoreboard_slot_active(
                     house.board, house.workers[0].relay.slot, SCOREBOARD_ALL),
        10);
    cr_expect_eq(sum(SCOREBOARD_ALL, METRIC_HANDED_OVER), 0);
}

/* A client's connection as another worker accepted it and counted it in. */
static int
accepted_elsewhere(struct relay *relay, unsigned index)
{
    struct service fake = { .index = index };
    int fd;

    house_dial(&house, 1);
    wire_await(house.acceptor, POLLIN);
    fd = accept4(house.acceptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    cr_assert_geq(fd, 0);
    limits_enter(relay, &fake);
    return fd;
}

static const struct address no_address = { .length = 0 };

Test(acceptor, takes_what_others_accepted)
{
    struct relay *relay = &house.workers[0].relay;
    unsigned web = house.made[0]->index, mail = house.made[1]->index;
    int fd = accepted_elsewhere(relay, web);
    struct acceptor *acceptor;

    acceptor_take(relay, NULL, fd, web, &no_address);
    cr_expect_eq(scoreboard_active(house.board, SCOREBOARD_ALL), 0);
    wire_await(house.clients[0], POLLIN);
    cr_expect_neq(wire_end(house.clients[0]), WIRE_OPEN, "it is refused");
    fd = accepted_elsewhere(relay, mail);
    acceptor = house_door(&house, 0, 0);
    acceptor_take(relay, acceptor, fd, mail, &no_address);
    cr_expect_eq(relay->connections, 1);
    cr_expect_eq(scoreboard_active(house.board, mail), 0);
    cr_expect_eq(scoreboard_active(house.board, web), 1, "as it is served here");
    cr_expect_eq(scoreboard_active(house.board, SCOREBOARD_ALL), 1);
}

Test(acceptor, refuses_what_is_no_client)
{
    struct relay *relay = &house.workers[0].relay;
    struct acceptor *acceptor = house_door(&house, 0, 0);
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    limits_enter(relay, house.made[0]);
    acceptor_take(relay, acceptor, fd, 4000000000U, &no_address);
    cr_expect_eq(relay->connections, 0);
    cr_expect_lt(fcntl(fd, F_GETFD), 0, "it is closed");
    scoreboard_gauge_leave(house.board, relay->slot, house.made[0]->index);
}
