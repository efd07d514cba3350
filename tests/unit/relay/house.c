#include "house.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "base/scoreboard.h"
#include "net/loop.h"
#include "net/wire.h"
#include "relay/acceptor.h"
#include "relay/conn.h"
#include "relay/limits.h"
#include "relay/limits_handed.h"
#include "relay/service.h"
#include "relay/services.h"

enum { QUIET_TURNS = 20 };

static struct relay *
find(struct house *house, unsigned slot)
{
    for (size_t i = 0; i < HOUSE_WORKERS; i++)
        if (house->workers[i].relay.slot == slot)
            return &house->workers[i].relay;
    return NULL;
}

static void
on_wake(void *arg, unsigned slot)
{
    struct house_worker *worker = arg;
    struct relay *far = find(worker->house, slot);

    cr_assert_not_null(far);
    ((struct house_worker *)far->arg)->woken++;
    limits_recheck(far);
}

static bool
on_hand_over(void *arg, unsigned slot, struct acceptor *acceptor, int fd,
    const struct address *client)
{
    struct house *house = ((struct house_worker *)arg)->house;
    struct relay *far = find(house, slot);

    cr_assert_not_null(far);
    if (house->deaf)
        return false;
    limits_take(far, acceptor_service(acceptor)->index);
    limits_handed(&((struct house_worker *)arg)->relay, slot,
        acceptor_service(acceptor)->index, 1);
    acceptor_take(far, acceptor_find(far, acceptor_id(acceptor)),
        fcntl(fd, F_DUPFD_CLOEXEC, 0), acceptor_service(acceptor)->index,
        client);
    return true;
}

static void
make_services(struct house *house, unsigned each)
{
    static char names[HOUSE_SERVICES][8] = { "web", "mail" };
    struct error error = { .count = 0 };

    for (size_t i = 0; i < HOUSE_SERVICES; i++) {
        house->services[i] = (struct service_config){
            .name = names[i],
            .connect = { &house->to, 1 },
            .max_connections = each,
            .connect_timeout_ms = SECONDS(5),
        };
        scoreboard_service_index(house->board, names[i]);
    }
    house->config = (struct config){ .references = 1, /* ours: never freed */
        .services = house->services, .service_count = HOUSE_SERVICES };
    house->made = services_new(&(struct services_spec){
        .config = &house->config, .board = house->board }, &error);
    cr_assert_not_null(house->made);
}

void
house_open(struct house *house, size_t most, unsigned each)
{
    uint16_t to;

    *house = (struct house){ .loop = loop_new(), .board = scoreboard_new() };
    house->listening = wire_listen(false, 1024, &to);
    house->acceptor = wire_listen(false, 1024, &house->port);
    fcntl(house->acceptor, F_SETFL, O_NONBLOCK);
    house->to = (struct endpoint){ .kind = ENDPOINT_INET,
        .host = (char *)"127.0.0.1", .port = to, .text = (char *)"server" };
    make_services(house, each);
    for (unsigned i = 0; i < HOUSE_WORKERS; i++)
        house->workers[i] = (struct house_worker){
            .house = house,
            .relay = { .loop = house->loop, .board = house->board,
                .slot = scoreboard_slot_take(house->board, 0, i),
                .max_connections = most, .drain_timeout_ms = SECONDS(1),
                .wake = on_wake, .hand_over = on_hand_over,
                .arg = &house->workers[i] },
        };
}

void
house_close(struct house *house)
{
    for (size_t i = 0; i < HOUSE_WORKERS; i++) {
        acceptor_close_all(&house->workers[i].relay, false);
        conn_end_all(&house->workers[i].relay);
        pipe_pool_clear(&house->workers[i].relay.pipes);
        limits_handed_clear(&house->workers[i].relay);
        limits_clear(&house->workers[i].relay);
    }
    cr_expect_eq(scoreboard_active(house->board, SCOREBOARD_ALL), 0);
    for (unsigned i = 1; i <= HOUSE_SERVICES; i++)
        cr_expect_eq(scoreboard_active(house->board, i), 0);
    services_free(house->made, HOUSE_SERVICES);
    for (size_t i = 0; i < house->client_count; i++)
        if (house->clients[i] >= 0)
            close(house->clients[i]);
    loop_free(house->loop);
    scoreboard_free(house->board);
    close(house->listening);
    close(house->acceptor);
}

int
house_socket(const struct house *house)
{
    return fcntl(house->acceptor, F_DUPFD_CLOEXEC, 0);
}

struct acceptor *
house_door(struct house *house, size_t worker, size_t service)
{
    struct acceptor *acceptor = acceptor_open(&house->workers[worker].relay, 7,
        house_socket(house), "here", false, house->made[service]);

    cr_assert_not_null(acceptor);
    return acceptor;
}

void
house_dial(struct house *house, size_t count)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
        .sin_port = htons(house->port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    for (size_t i = 0; i < count; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        cr_assert_lt(house->client_count, HOUSE_CLIENTS);
        cr_assert_eq(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
        house->clients[house->client_count++] = fd;
    }
}

void
house_hang_up(struct house *house, size_t client)
{
    wire_reset(house->clients[client]);
    house->clients[client] = -1;
}

size_t
house_connections(const struct house *house)
{
    size_t sum = 0;

    for (size_t i = 0; i < HOUSE_WORKERS; i++)
        sum += house->workers[i].relay.connections;
    return sum;
}

struct goal {
    const struct house *house;
    size_t connections;
};

static bool
is_there(void *arg)
{
    const struct goal *goal = arg;

    return house_connections(goal->house) == goal->connections;
}

bool
house_settles_at(struct house *house, size_t connections)
{
    struct goal goal = { house, connections };

    if (!wire_until(house->loop, is_there, &goal))
        return false;
    for (int i = 0; i < QUIET_TURNS; i++)
        wire_turn(house->loop);
    return is_there(&goal);
}
