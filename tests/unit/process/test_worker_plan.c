#include "process/worker_plan.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/board.h"
#include "base/descriptors.h"
#include "base/error.h"
#include "base/log.h"
#include "base/scratch.h"
#include "config/config.h"
#include "config/config_load.h"
#include "config/files.h"
#include "net/loop.h"
#include "net/wire.h"
#include "relay/conn.h"
#include "relay/door.h"
#include "relay/relay.h"
#include "relay/service.h"
#include "tls/pki.h"
#include "tls/tls_files.h"

enum { TEXT_SIZE = 2000, CLIENTS = 8 };

/* The doors' ids. */
enum { WEB = 1 << SOCKET_INDEX_BITS, MAIL = 2 << SOCKET_INDEX_BITS };

static struct relay relay;
static struct worker_plan plan;
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
    plan = (struct worker_plan){ .bundle_fd = -1 };
    cr_assert(log_open(LOG_FILE, scratch_path("log"), LOG_TEXT,
        LOG_LEVEL_WARN, &error));
    leaf = pki_make(&(struct pki_spec){ .cn = "leaf" }, NULL);
    server = wire_listen(false, 64, &to);
    listening = wire_listen(false, 64, &port);
    fcntl(listening, F_SETFL, O_NONBLOCK);
    relay = (struct relay){ .loop = loop_new(), .board = board_new() };
    relay.slot = board_slot_take(relay.board, 0, 0);
    board_service_index(relay.board, "web");
    board_service_index(relay.board, "mail");
    wire_turn(relay.loop);
    before = descriptors_count();
}

static void
tear_down(void)
{
    worker_plan_clear(&plan);
    door_close_all(&relay, false);
    conn_end_all(&relay);
    if (relay.services != NULL)
        services_free(relay.services, relay.service_count);
    pipe_pool_clear(&relay.pipes);
    while (client_count > 0)
        close(clients[--client_count]);
    cr_expect_eq(descriptors_count(), before);
    cr_expect_eq(board_active(relay.board, BOARD_ALL), 0);
    loop_free(relay.loop);
    board_free(relay.board);
    close(server);
    close(listening);
    error_clear(&error);
    pki_free(&leaf);
    pki_clean();
    log_close();
    scratch_remove();
}

TestSuite(worker_plan, .init = set_up, .fini = tear_down, .timeout = 60);

/* Two services, with more lines for each; in a bundle as the master makes it,
 * whose descriptor is returned. */
static int
bundle(const char *web, const char *mail)
{
    const char *path = scratch_path("x.ini");
    struct files *files = files_on_disk();
    FILE *file = fopen(path, "w");
    struct config *config;
    int fd;

    cr_assert(file != NULL && files != NULL);
    fprintf(file, "[global]\nmax_connections = 77\ndrain_timeout = 3s\n"
        "[service web]\nlisten = 127.0.0.1:%u\nconnect = 127.0.0.1:%u\n%s\n"
        "[service mail]\nlisten = unix:@nobody\nconnect = 127.0.0.1:%u\n%s\n",
        port, to, web, to, mail);
    fclose(file);
    config = config_load_file_keeping(files, path, &error);
    cr_assert_not_null(config, "%s", error.messages[0]);
    tls_files_gather(config);
    fd = files_pack(files, &error);
    cr_assert_geq(fd, 0);
    unlink(path); /* nobody reads it again */
    config_unref(config);
    files_unref(files);
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

    worker_plan_add(&plan, &planned);
}

static bool
prepare(void)
{
    bool ok = worker_plan_prepare(&plan, &relay, NULL, NULL, &error);

    cr_expect_eq(ok, !error_any(&error));
    return ok;
}

/* Prepares and switches to a generation that serves both at two doors. */
static void
serve(uint64_t generation, const char *web, const char *mail)
{
    worker_plan_begin(&plan, generation, bundle(web, mail));
    add(WEB, 0, true);
    add(MAIL, 1, true);
    cr_assert(prepare());
    worker_plan_switch(&plan, &relay);
}

static struct service *
of(uint64_t id)
{
    const struct door *door = door_find(&relay, id);

    return door != NULL ? door_service(door) : NULL;
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

Test(worker_plan, changes_nothing_before_the_switch)
{
    worker_plan_begin(&plan, 1, bundle("", ""));
    add(WEB, 0, true);
    add(MAIL, 1, true);
    cr_assert(prepare());
    cr_expect_null(relay.services);
    cr_expect_null(relay.doors);
    cr_expect_eq(relay.max_connections, 0);
    worker_plan_switch(&plan, &relay);
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

Test(worker_plan, says_for_which_generation_it_accepts)
{
    unsigned other = board_slot_take(relay.board, 0, 1);
    uint64_t least;

    serve(41, "", "");
    board_set_accepting(relay.board, other, 41);
    cr_expect_eq(
        board_least_loaded(relay.board, other, &least), relay.slot);
    board_set_accepting(relay.board, other, 42);
    cr_expect_eq(board_least_loaded(relay.board, other, &least), other);
    serve(42, "", "");
    cr_expect_eq(
        board_least_loaded(relay.board, other, &least), relay.slot);
    board_slot_release(relay.board, other);
}

Test(worker_plan, keeps_services_that_have_not_changed)
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

Test(worker_plan, a_connection_keeps_the_service_it_began_with)
{
    struct service *web;

    worker_plan_begin(&plan, 1, bundle("", ""));
    add(WEB, 0, true);
    cr_assert(prepare());
    worker_plan_switch(&plan, &relay);
    dial(1);
    cr_assert(settles_at(1));
    web = service_ref(relay.services[0]);
    worker_plan_begin(&plan, 2, bundle("max_connections = 5", ""));
    add(WEB, 0, true);
    cr_assert(prepare());
    worker_plan_switch(&plan, &relay);
    cr_expect_eq(web->connections, 1);
    cr_expect_eq(web->references, 2, "ours and the connection's");
    dial(1);
    cr_assert(settles_at(2));
    cr_expect_eq(relay.services[0]->connections, 1);
    service_unref(web);
}

/* What is in a file that an option names is part of a service. */
Test(worker_plan, makes_a_service_anew_when_its_files_have_changed)
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

Test(worker_plan, empties_a_door_that_is_given_up)
{
    serve(1, "", "");
    relay.max_connections = 2;
    dial(5);
    cr_assert(settles_at(2));
    worker_plan_begin(&plan, 2, bundle("", ""));
    add(WEB, 0, false);
    add(MAIL, 99, false); /* whose it was matters no more */
    cr_assert(prepare());
    worker_plan_switch(&plan, &relay);
    cr_expect_null(relay.doors);
    cr_expect_eq(relay.connections, 5, "limit or not");
    cr_expect_eq(board_active(relay.board, BOARD_ALL), 5);
}

Test(worker_plan, leaves_the_queue_of_a_door_that_another_worker_has_now)
{
    int fd;

    serve(1, "", "");
    relay.max_connections = 1;
    dial(3);
    cr_assert(settles_at(1));
    worker_plan_begin(&plan, 2, bundle("", ""));
    cr_assert(prepare());
    worker_plan_switch(&plan, &relay);
    cr_expect_null(relay.doors);
    cr_expect_eq(relay.connections, 1);
    for (int i = 0; i < 2; i++) {
        fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
        cr_expect_geq(fd, 0);
        close(fd);
    }
}

Test(worker_plan, goes_on_at_a_door_that_stays)
{
    struct door *door;

    serve(1, "", "");
    door = door_find(&relay, WEB);
    serve(2, "timeout.idle = 9s", "");
    cr_expect_eq(door_find(&relay, WEB), door);
    cr_expect_eq(descriptors_count(), before + 2, "the copy is closed");
    worker_plan_begin(&plan, 3, bundle("", ""));
    add(WEB, 0, true);
    plan.sockets[0].use.tls = true;
    cr_assert(prepare());
    worker_plan_switch(&plan, &relay);
    cr_expect(door_is_tls(door_find(&relay, WEB)), "it is made anew");
    cr_expect_null(door_find(&relay, MAIL));
}

Test(worker_plan, refuses_sockets_of_no_service)
{
    static const uint32_t services[] = { 2, 3, 0x80000000U, 0xffffffffU };

    serve(1, "", "");
    for (size_t i = 0; i < COUNT(services); i++) {
        worker_plan_begin(&plan, 2 + i, bundle("", ""));
        add(WEB, 0, true);
        add(MAIL, services[i], true);
        cr_expect_not(prepare());
        cr_assert_eq(error.count, 1);
        cr_expect_str_eq(
            error.messages[0], "a listening socket is of no service");
        error_clear(&error);
        worker_plan_clear(&plan);
        cr_expect_eq(descriptors_count(), before + 2);
    }
    cr_expect_eq(of(WEB), relay.services[0]);
    dial(1);
    cr_expect(settles_at(1));
}

Test(worker_plan, can_be_cancelled_at_any_time)
{
    struct service *web;

    worker_plan_clear(&plan);
    serve(1, "", "");
    web = relay.services[0];
    worker_plan_begin(&plan, 2, bundle("timeout.idle = 9s", ""));
    worker_plan_clear(&plan);
    cr_expect_eq(descriptors_count(), before + 2);
    worker_plan_begin(&plan, 3, bundle("timeout.idle = 9s", ""));
    add(WEB, 0, false);
    worker_plan_clear(&plan);
    cr_expect_eq(descriptors_count(), before + 2);
    worker_plan_begin(&plan, 4, bundle("timeout.idle = 9s", ""));
    add(WEB, 1, true);
    cr_assert(prepare());
    worker_plan_clear(&plan);
    worker_plan_clear(&plan);
    cr_expect_eq(descriptors_count(), before + 2);
    cr_expect_eq(of(WEB), web);
    cr_expect_eq(web->references, 2, "the list's and the door's");
}

/* A second bundle without a word about the first. */
Test(worker_plan, begins_anew)
{
    worker_plan_begin(&plan, 1, bundle("", ""));
    add(WEB, 0, true);
    cr_assert(prepare());
    worker_plan_begin(&plan, 2, bundle("", ""));
    cr_expect_eq(plan.socket_count, 0);
    cr_expect_eq(descriptors_count(), before + 1);
    cr_assert(prepare());
    worker_plan_switch(&plan, &relay);
    cr_expect_null(relay.doors);
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

Test(worker_plan, refuses_what_is_no_bundle)
{
    for (size_t i = 0; i < 5; i++) {
        worker_plan_begin(&plan, 1 + i, no_bundle(i));
        add(WEB, 0, true);
        cr_expect_not(prepare());
        error_clear(&error);
        worker_plan_clear(&plan);
        cr_expect_eq(descriptors_count(), before);
    }
}

Test(worker_plan, tells_what_is_wrong_with_a_service)
{
    serve(1, "", "");
    worker_plan_begin(&plan, 2, bundle("", "listen = tls://127.0.0.1:1\n"
        "listen.cert = /no/such/file"));
    add(WEB, 0, true);
    cr_expect_not(prepare());
    cr_assert_eq(error.count, 1);
    cr_expect_not_null(strstr(error.messages[0], "/no/such/file"));
    error_clear(&error);
    worker_plan_clear(&plan);
    cr_expect_eq(descriptors_count(), before + 2);
    serve(3, "", "");
}
