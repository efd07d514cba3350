#include "roles/worker_generation.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/descriptors.h"
#include "base/error.h"
#include "base/log.h"
#include "base/scoreboard.h"
#include "base/scratch.h"
#include "bundled.h"
#include "config/config.h"
#include "files/files.h"
#include "net/loop.h"
#include "net/wire.h"
#include "relay/acceptor.h"
#include "relay/conn.h"
#include "relay/relay.h"
#include "relay/service.h"
#include "relay/services.h"
#include "tls/pki.h"

enum { TEXT_SIZE = 2000, CLIENTS = 8 };

/* The acceptors' ids. */
enum { WEB = 1 << SOCKET_INDEX_BITS, MAIL = 2 << SOCKET_INDEX_BITS };

static struct relay relay;
static struct worker_generation plan;
static struct services_old old;
static struct error error;
static struct pki leaf;
static int server;        /* lets all wait */
static uint16_t to, port; /* of the server, and of where clients come in */
static int listening;     /* at `port`, as the master holds it */
static int clients[CLIENTS];
static size_t client_count;
static size_t before; /* descriptors */

static void
set_up(void)
{
    plan = (struct worker_generation){ .bundle_fd = -1 };
    scratch_log_open(LOG_LEVEL_WARN);
    leaf = pki_make(&(struct pki_spec){ .cn = "leaf" }, NULL);
    server = wire_listen(false, 64, &to);
    listening = wire_listen(false, 64, &port);
    fcntl(listening, F_SETFL, O_NONBLOCK);
    relay = (struct relay){ .loop = loop_new(), .board = scoreboard_new() };
    relay.slot = scoreboard_slot_take(relay.board, 0, 0);
    scoreboard_service_index(relay.board, "web");
    scoreboard_service_index(relay.board, "mail");
    wire_turn(relay.loop);
    before = descriptors_count();
}

static void
tear_down(void)
{
    worker_generation_clear(&plan, &old);
    services_old_clear(&old);
    acceptor_close_all(&relay, false);
    conn_end_all(&relay);
    if (relay.services != NULL)
        services_free(relay.services, relay.service_count);
    pipe_pool_clear(&relay.pipes);
    while (client_count > 0)
        close(clients[--client_count]);
    wire_turn(relay.loop); /* sockets are closed with a turn */
    cr_expect_eq(descriptors_count(), before);
    cr_expect_eq(scoreboard_active(relay.board, SCOREBOARD_ALL), 0);
    loop_free(relay.loop);
    scoreboard_free(relay.board);
    close(server);
    close(listening);
    error_clear(&error);
    pki_free(&leaf);
    pki_clean();
    log_close();
    scratch_remove();
}

TestSuite(worker_generation, .init = set_up, .fini = tear_down, .timeout = 60);

/* Two services, with more lines for each; in a bundle as the master makes it,
 * whose descriptor is returned. */
static int
bundle(const char *web, const char *mail)
{
    char *text;
    int fd;

    cr_assert_gt(asprintf(&text,
        "[global]\nmax_connections = 77\ndrain_timeout = 3s\n"
        "[service web]\nlisten = 127.0.0.1:%u\nconnect = 127.0.0.1:%u\n%s\n"
        "[service mail]\nlisten = unix:@no-server\nconnect = 127.0.0.1:%u\n%s\n",
        port, to, web, to, mail), 0);
    fd = bundled_text(text);
    free(text);
    return fd;
}

static void
add(uint64_t id, uint32_t service, bool serve)
{
    const struct planned_socket planned = {
        .id = id,
        .socket = {
            .fd = fcntl(listening, F_DUPFD_CLOEXEC, 0),
            .text = strdup("here"),
            .path = strdup("/nowhere"),
        },
        .use = { .service = service },
        .serve = serve,
    };

    worker_generation_add(&plan, &planned);
}

static void
forget(void)
{
    worker_generation_clear(&plan, &old);
    services_old_clear(&old);
}

static void
change(void)
{
    worker_generation_commit(&plan, &relay, &old);
    services_old_clear(&old);
}

static void
begin(uint64_t generation, int fd)
{
    worker_generation_begin(&plan, generation, fd, &old);
    services_old_clear(&old);
}

static bool
prepare(void)
{
    const struct plan_basis basis = { .relay = &relay };
    bool ok = true;

    plan.state = PLAN_PREPARING;
    while (ok && plan.state == PLAN_PREPARING)
        ok = worker_generation_step(&plan, &basis);
    cr_expect_eq(ok, !error_any(&plan.error));
    return ok;
}

/* Prepares and switches to a generation that serves both at two acceptors. */
static void
serve(uint64_t generation, const char *web, const char *mail)
{
    begin(generation, bundle(web, mail));
    add(WEB, 0, true);
    add(MAIL, 1, true);
    cr_assert(prepare());
    change();
}

static struct service *
of(uint64_t id)
{
    const struct acceptor *acceptor = acceptor_find(&relay, id);

    return acceptor != NULL ? acceptor_service(acceptor) : NULL;
}

static void
dial(size_t count)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
        .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    for (size_t i = 0; i < count; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        cr_assert_lt(client_count, CLIENTS);
        cr_assert_eq(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
        clients[client_count++] = fd;
    }
}

static bool
has_connections(void *arg)
{
    return relay.connections == *(const size_t *)arg;
}

static bool
settles_at(size_t connections)
{
    return wire_until(relay.loop, has_connections, &connections);
}

/* Promise 30 */
Test(worker_generation, changes_nothing_before_the_switch)
{
    begin(1, bundle("", ""));
    add(WEB, 0, true);
    add(MAIL, 1, true);
    cr_assert(prepare());
    cr_expect_null(relay.services);
    cr_expect(LIST_EMPTY(&relay.acceptors));
    cr_expect_eq(relay.max_connections, 0);
    change();
    cr_assert_eq(relay.service_count, 2);
    cr_expect_eq(relay.max_connections, 77);
    cr_expect_eq(relay.drain_timeout_ms, SECONDS(3));
    cr_expect_eq(of(WEB), relay.services[0]);
    cr_expect_eq(of(MAIL), relay.services[1]);
    cr_expect_eq(plan.generation, 0);
    cr_expect_eq(plan.bundle_fd, -1);
    cr_expect_null(plan.services);
    cr_expect_eq(descriptors_count(), before + 2, "the doors' sockets");
    dial(2);
    cr_expect(settles_at(2));
}

Test(worker_generation, says_for_which_generation_it_accepts)
{
    unsigned other = scoreboard_slot_take(relay.board, 0, 1);
    uint64_t least;

    serve(41, "", "");
    scoreboard_beat(relay.board, relay.slot, 9000);
    scoreboard_set_accepting(relay.board, other, 41);
    cr_expect_eq(scoreboard_least_loaded(relay.board, other, 9000, NULL, &least),
        relay.slot);
    scoreboard_set_accepting(relay.board, other, 42);
    cr_expect_eq(
        scoreboard_least_loaded(relay.board, other, 9000, NULL, &least), other);
    serve(42, "", "");
    cr_expect_eq(
        scoreboard_least_loaded(relay.board, other, 9000, NULL, &least), relay.slot);
    scoreboard_slot_release(relay.board, other);
}

Test(worker_generation, keeps_services_that_have_not_changed)
{
    struct service *web, *mail;

    serve(1, "", "");
    web = relay.services[0];
    mail = relay.services[1];
    serve(2, "", "");
    cr_expect_eq(relay.services[0], web);
    cr_expect_eq(relay.services[1], mail);
    serve(3, "timeout.idle = 9s", "");
    cr_expect_neq(relay.services[0], web);
    cr_expect_eq(relay.services[1], mail);
    cr_expect_eq(of(WEB), relay.services[0]);
    cr_expect_eq(of(MAIL), mail);
    cr_expect_eq(relay.services[0]->config->idle_timeout_ms, SECONDS(9));
}

Test(worker_generation, a_connection_keeps_the_service_it_began_with)
{
    struct service *web;

    begin(1, bundle("", ""));
    add(WEB, 0, true);
    cr_assert(prepare());
    change();
    dial(1);
    cr_assert(settles_at(1));
    web = service_ref(relay.services[0]);
    begin(2, bundle("max_connections = 5", ""));
    add(WEB, 0, true);
    cr_assert(prepare());
    change();
    cr_expect_eq(web->connections, 1);
    cr_expect_eq(web->references, 2, "ours and the connection's");
    dial(1);
    cr_assert(settles_at(2));
    cr_expect_eq(relay.services[0]->connections, 1);
    service_unref(web);
}

/* What is in a file that an option names is part of a service. */
Test(worker_generation, makes_a_service_anew_when_its_files_have_changed)
{
    struct pki other = pki_make(&(struct pki_spec){ .cn = "other" }, NULL);
    char more[TEXT_SIZE];
    char *file = pki_both("leaf.pem", &leaf);
    struct service *web, *mail;

    snprintf(more, sizeof(more),
        "listen = tls://127.0.0.1:1\nlisten.cert = %s", file);
    serve(1, more, "");
    web = relay.services[0];
    mail = relay.services[1];
    serve(2, more, "");
    cr_expect_eq(relay.services[0], web);
    cr_assert_eq(unlink(file), 0);
    pki_both("leaf.pem", &other);
    serve(3, more, "");
    cr_expect_neq(relay.services[0], web);
    cr_expect_eq(relay.services[1], mail);
    pki_free(&other);
}

Test(worker_generation, empties_a_door_that_is_given_up)
{
    serve(1, "", "");
    relay.max_connections = 2;
    dial(5);
    cr_assert(settles_at(2));
    begin(2, bundle("", ""));
    add(WEB, 0, false);
    add(MAIL, 99, false); /* whose it was matters no more */
    cr_assert(prepare());
    change();
    cr_expect(LIST_EMPTY(&relay.acceptors));
    cr_expect_eq(relay.connections, 5, "limit or not");
    cr_expect_eq(scoreboard_active(relay.board, SCOREBOARD_ALL), 5);
}

Test(worker_generation, leaves_the_queue_of_a_door_that_another_worker_has_now)
{
    int fd;

    serve(1, "", "");
    relay.max_connections = 1;
    dial(3);
    cr_assert(settles_at(1));
    begin(2, bundle("", ""));
    cr_assert(prepare());
    change();
    cr_expect(LIST_EMPTY(&relay.acceptors));
    cr_expect_eq(relay.connections, 1);
    for (int i = 0; i < 2; i++) {
        fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
        cr_expect_geq(fd, 0);
        close(fd);
    }
}

Test(worker_generation, goes_on_at_a_door_that_stays)
{
    struct acceptor *acceptor;

    serve(1, "", "");
    acceptor = acceptor_find(&relay, WEB);
    serve(2, "timeout.idle = 9s", "");
    cr_expect_eq(acceptor_find(&relay, WEB), acceptor);
    cr_expect_eq(descriptors_count(), before + 2, "the copy is closed");
    begin(3, bundle("", ""));
    add(WEB, 0, true);
    plan.sockets[0].use.tls = true;
    cr_assert(prepare());
    change();
    cr_expect(acceptor_is_tls(acceptor_find(&relay, WEB)), "it is made anew");
    cr_expect_null(acceptor_find(&relay, MAIL));
}

Test(worker_generation, refuses_sockets_of_no_service)
{
    static const uint32_t services[] = { 2, 3, 0x80000000U, 0xffffffffU };

    serve(1, "", "");
    for (size_t i = 0; i < COUNT(services); i++) {
        begin(2 + i, bundle("", ""));
        add(WEB, 0, true);
        add(MAIL, services[i], true);
        cr_expect_not(prepare());
        cr_assert_eq(plan.error.count, 1);
        cr_expect_str_eq(
            plan.error.messages[0], "a listening socket is of no service");
        forget();
        cr_expect_eq(descriptors_count(), before + 2);
    }
    cr_expect_eq(of(WEB), relay.services[0]);
    dial(1);
    cr_expect(settles_at(1));
}

Test(worker_generation, can_be_cancelled_at_any_time)
{
    struct service *web;

    forget();
    serve(1, "", "");
    web = relay.services[0];
    begin(2, bundle("timeout.idle = 9s", ""));
    forget();
    cr_expect_eq(descriptors_count(), before + 2);
    begin(3, bundle("timeout.idle = 9s", ""));
    add(WEB, 0, false);
    forget();
    cr_expect_eq(descriptors_count(), before + 2);
    begin(4, bundle("timeout.idle = 9s", ""));
    add(WEB, 1, true);
    cr_assert(prepare());
    forget();
    forget();
    cr_expect_eq(descriptors_count(), before + 2);
    cr_expect_eq(of(WEB), web);
    cr_expect_eq(web->references, 2, "the list's and the door's");
}

/* A second bundle without a word about the first. */
Test(worker_generation, begins_anew)
{
    begin(1, bundle("", ""));
    add(WEB, 0, true);
    cr_assert(prepare());
    begin(2, bundle("", ""));
    cr_expect_eq(plan.socket_count, 0);
    cr_expect_eq(descriptors_count(), before + 1);
    cr_assert(prepare());
    change();
    cr_expect(LIST_EMPTY(&relay.acceptors));
}

static int
no_bundle(size_t which)
{
    static const char *const paths[] = { "/dev/null", "/dev/zero", "/" };
    int fd;

    if (which < COUNT(paths))
        return open(paths[which], O_RDONLY | O_CLOEXEC);
    fd = fcntl(listening, F_DUPFD_CLOEXEC, 0);
    return which == COUNT(paths) ? fd : (close(fd), -1);
}

Test(worker_generation, refuses_what_is_no_bundle)
{
    for (size_t i = 0; i < 5; i++) {
        begin(1 + i, no_bundle(i));
        add(WEB, 0, true);
        cr_expect_not(prepare());
        forget();
        cr_expect_eq(descriptors_count(), before);
    }
}

Test(worker_generation, tells_what_is_wrong_with_a_service)
{
    serve(1, "", "");
    begin(2, bundle("", "listen = tls://127.0.0.1:1\n"
        "listen.cert = /no/such/file"));
    add(WEB, 0, true);
    cr_expect_not(prepare());
    cr_assert_eq(plan.error.count, 1);
    cr_expect_not_null(strstr(plan.error.messages[0], "/no/such/file"));
    forget();
    cr_expect_eq(descriptors_count(), before + 2);
    serve(3, "", "");
}

/* Each step makes no more than one service. */
Test(worker_generation, prepares_step_by_step)
{
    const struct plan_basis basis = { .relay = &relay };
    unsigned steps;

    begin(1, bundle("", ""));
    add(WEB, 0, true);
    plan.state = PLAN_PREPARING;
    for (steps = 0; plan.config == NULL; steps++)
        cr_assert(worker_generation_step(&plan, &basis));
    cr_expect_gt(steps, 2, "one for each service, at least");
    cr_expect_eq(plan.config->references, 1, "it is loaded");
    cr_assert(worker_generation_step(&plan, &basis));
    cr_expect_eq(plan.config->references, 1);
    cr_assert(worker_generation_step(&plan, &basis));
    cr_expect_eq(plan.config->references, 2, "the first service");
    cr_expect_eq(plan.state, PLAN_PREPARING);
    cr_assert(worker_generation_step(&plan, &basis));
    cr_expect_eq(plan.config->references, 3, "and the second");
    cr_expect_eq(plan.state, PLAN_PREPARED);
    change();
}

/* The master may say so at any time. */
Test(worker_generation, a_service_that_is_drained_meanwhile_is_given_up)
{
    static const enum plan_state states[] = {
        PLAN_TOLD, PLAN_PREPARING, PLAN_PREPARED,
    };
    const struct plan_basis basis = { .relay = &relay };

    for (size_t i = 0; i < COUNT(states); i++) {
        serve(10 * i + 1, "", "");
        begin(10 * i + 2, bundle("", ""));
        add(WEB, 0, true);
        add(MAIL, 1, true);
        if (states[i] == PLAN_PREPARING) {
            plan.state = PLAN_PREPARING;
            cr_assert(worker_generation_step(&plan, &basis));
        } else if (states[i] == PLAN_PREPARED) {
            cr_assert(prepare());
        }
        worker_generation_drain(&plan, "web");
        cr_assert(plan.state == PLAN_PREPARED || prepare());
        change();
        cr_expect_null(of(WEB), "%zu", i);
        cr_expect_not_null(of(MAIL), "%zu", i);
    }
}

/* In whatever order they come. */
Test(worker_generation, finds_the_door_of_each_socket)
{
    enum { DOORS = 40 };
    struct acceptor *acceptors[DOORS];

    begin(1, bundle("", ""));
    for (uint64_t id = 0; id < DOORS; id++)
        add(id * 7 % DOORS, 0, true);
    cr_assert(prepare());
    change();
    for (uint64_t id = 0; id < DOORS; id++)
        cr_assert_not_null(acceptors[id] = acceptor_find(&relay, id));
    begin(2, bundle("", ""));
    for (uint64_t id = 0; id < DOORS; id++)
        if (id % 4 != 0)
            add(id * 3 % DOORS, 1, id % 4 != 1);
    cr_assert(prepare());
    change();
    for (uint64_t id = 0; id < DOORS; id++) {
        uint64_t place = id * 3 % DOORS;
        bool stays = id % 4 > 1;

        cr_expect_eq(acceptor_find(&relay, place),
            stays ? acceptors[place] : NULL);
        cr_expect_eq(of(place), stays ? relay.services[1] : NULL);
    }
}
