#include "relay/door.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/address.h"
#include "base/board.h"
#include "base/error.h"
#include "base/log.h"
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
    struct error error = { .count = 0 };

    cr_assert(log_open(LOG_FILE, scratch_path("log"), LOG_TEXT,
        LOG_LEVEL_WARN, &error));
    house_open(&house, 1000, 0);
}

static void
tear_down(void)
{
    house_close(&house);
    log_close();
    scratch_remove();
}

TestSuite(door, .init = set_up, .fini = tear_down, .timeout = 60);

static uint64_t
sum(unsigned service, enum board_counter counter)
{
    return board_sum(house.board, service, counter);
}

Test(door, serves_who_knocks)
{
    struct door *door = house_door(&house, 0, 0);
    unsigned web = house.made[0]->index;

    cr_expect_str_eq(door_text(door), "here");
    cr_expect_eq(door_find(&house.workers[0].relay, 7), door);
    cr_expect_null(door_find(&house.workers[0].relay, 8));
    cr_expect_null(door_find(&house.workers[1].relay, 7));
    house_dial(&house, 3);
    cr_assert(house_settles_at(&house, 3));
    cr_expect_eq(board_active(house.board, web), 3);
    cr_expect_eq(board_active(house.board, BOARD_ALL), 3);
    house_hang_up(&house, 1);
    cr_assert(house_settles_at(&house, 2));
    cr_expect_eq(board_active(house.board, web), 2);
    cr_expect_eq(sum(web, BOARD_ACCEPTED), 3);
    cr_expect_eq(sum(BOARD_ALL, BOARD_ACCEPTED), 3);
    cr_expect_eq(sum(web, BOARD_ENDED_BADLY), 1);
    cr_expect_eq(sum(BOARD_ALL, BOARD_ENDED_WELL), 0);
}

Test(door, serves_another_service_from_then_on)
{
    struct door *door = house_door(&house, 0, 0);

    house_dial(&house, 1);
    cr_assert(house_settles_at(&house, 1));
    door_serve(door, house.made[0]);
    door_serve(door, house.made[1]);
    cr_expect_eq(door_service(door), house.made[1]);
    house_dial(&house, 2);
    cr_assert(house_settles_at(&house, 3));
    cr_expect_eq(house.made[0]->connections, 1, "it goes on as it began");
    cr_expect_eq(house.made[1]->connections, 2);
}

Test(door, a_service_goes_with_its_last_connection)
{
    struct door *door = house_door(&house, 0, 0);
    struct service *web = house.made[0];

    cr_expect_eq(web->references, 2, "the list and the door");
    house_dial(&house, 2);
    cr_assert(house_settles_at(&house, 2));
    cr_expect_eq(web->references, 4);
    door_serve(door, house.made[1]);
    cr_expect_eq(web->references, 3);
    house_hang_up(&house, 0);
    cr_assert(house_settles_at(&house, 1));
    cr_expect_eq(web->references, 2);
}

Test(door, lets_in_who_waits_before_it_closes)
{
    struct door *door = house_door(&house, 0, 0);

    house.workers[0].relay.max_connections = 2;
    house_dial(&house, 6);
    cr_assert(house_settles_at(&house, 2));
    door_close(door, true);
    cr_expect_eq(house_connections(&house), 6);
    cr_expect_eq(board_active(house.board, BOARD_ALL), 6);
    house_dial(&house, 1);
    cr_expect(house_settles_at(&house, 6), "nobody accepts any more");
    cr_expect_null(house.workers[0].relay.doors);
}

Test(door, closes_at_once)
{
    struct door *door = house_door(&house, 0, 0);

    house_dial(&house, 2);
    door_close(door, false);
    cr_expect(house_settles_at(&house, 0));
    house_door(&house, 1, 0);
    cr_expect(house_settles_at(&house, 2), "another has the socket too");
}

static void
let_all_accept(void)
{
    for (size_t i = 0; i < HOUSE_WORKERS; i++)
        board_set_accepting(
            house.board, house.workers[i].relay.slot, 1);
}

Test(door, hands_over_to_who_has_less)
{
    uint16_t port;
    int fd = wire_listen(false, 64, &port);

    /* The others have a door of the same number, where nobody knocks. */
    fcntl(fd, F_SETFL, O_NONBLOCK);
    house_door(&house, 0, 0);
    for (size_t i = 1; i < HOUSE_WORKERS; i++)
        cr_assert_not_null(door_open(&house.workers[i].relay, 7,
            fcntl(fd, F_DUPFD_CLOEXEC, 0), "there", false, house.made[0]));
    let_all_accept();
    house_dial(&house, 30);
    cr_assert(house_settles_at(&house, 30));
    for (size_t i = 0; i < HOUSE_WORKERS; i++) {
        const struct relay *relay = &house.workers[i].relay;

        cr_expect_geq(relay->connections, 8, "%zu", relay->connections);
        cr_expect_leq(relay->connections, 13, "%zu", relay->connections);
        cr_expect_eq(board_slot_active(house.board, relay->slot, BOARD_ALL),
            relay->connections);
    }
    cr_expect_eq(sum(BOARD_ALL, BOARD_ACCEPTED), 30, "once each");
    cr_expect_eq(sum(BOARD_ALL, BOARD_HANDED_OVER),
        30 - house.workers[0].relay.connections);
    close(fd);
}

Test(door, keeps_whom_it_cannot_hand_over)
{
    house_door(&house, 0, 0);
    let_all_accept();
    house.deaf = true;
    house_dial(&house, 10);
    cr_assert(house_settles_at(&house, 10));
    cr_expect_eq(house.workers[0].relay.connections, 10);
    cr_expect_eq(board_slot_active(
                     house.board, house.workers[0].relay.slot, BOARD_ALL),
        10);
    cr_expect_eq(sum(BOARD_ALL, BOARD_HANDED_OVER), 0);
}

/* A client's connection as another worker accepted it and counted it in. */
static int
accepted_elsewhere(struct relay *relay, unsigned index)
{
    struct service fake = { .index = index };
    int fd;

    house_dial(&house, 1);
    wire_await(house.door, POLLIN);
    fd = accept4(house.door, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    cr_assert_geq(fd, 0);
    limits_enter(relay, &fake);
    return fd;
}

static const struct address nobody = { .length = 0 };

Test(door, takes_what_others_accepted)
{
    struct relay *relay = &house.workers[0].relay;
    unsigned web = house.made[0]->index, mail = house.made[1]->index;
    int fd = accepted_elsewhere(relay, web);
    struct door *door;

    door_take(relay, NULL, fd, web, &nobody);
    cr_expect_eq(board_active(house.board, BOARD_ALL), 0);
    wire_await(house.clients[0], POLLIN);
    cr_expect_neq(wire_end(house.clients[0]), WIRE_OPEN, "it is refused");
    fd = accepted_elsewhere(relay, mail);
    door = house_door(&house, 0, 0);
    door_take(relay, door, fd, mail, &nobody);
    cr_expect_eq(relay->connections, 1);
    cr_expect_eq(board_active(house.board, mail), 0);
    cr_expect_eq(board_active(house.board, web), 1, "as it is served here");
    cr_expect_eq(board_active(house.board, BOARD_ALL), 1);
}

Test(door, refuses_what_is_no_client)
{
    struct relay *relay = &house.workers[0].relay;
    struct door *door = house_door(&house, 0, 0);
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    limits_enter(relay, house.made[0]);
    door_take(relay, door, fd, 4000000000U, &nobody);
    cr_expect_eq(relay->connections, 0);
    cr_expect_lt(fcntl(fd, F_GETFD), 0, "it is closed");
    board_gauge_leave(house.board, relay->slot, house.made[0]->index);
}
