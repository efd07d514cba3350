/* Connections whose handshake waits for a signature, and what happens then. */
#include <sys/socket.h>

#include <openssl/ssl.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/scoreboard.h"
#include "config/config.h"
#include "net/loop.h"
#include "net/wire.h"
#include "relay/conn.h"
#include "relay/conn_state.h"
#include "relay/limits.h"
#include "relay/relay.h"
#include "relay/service.h"
#include "talker.h"
#include "tls/handshake.h"
#include "tls/kept.h"
#include "tls/pki.h"
#include "tls/tls_stream.h"

enum { TIMEOUT_MS = 300, BULK = 1000, FLIGHT = 9000 };

static struct relay relay;
static struct service *service;
static struct kept_signer kept;
static struct talker client;
static struct pki leaf;
static char *leaf_file, *log_file;
static SSL_CTX *ctx;
static struct endpoint to = { .kind = ENDPOINT_INET,
    .host = (char *)"127.0.0.1", .text = (char *)"server" };
static struct endpoint at = { .tls = true, .text = (char *)"here" };
static struct service_config config;
static struct config whole = { .references = 1, .services = &config,
    .service_count = 1 };
static int listening;

static bool
is_held(void *arg)
{
    (void)arg;
    return kept.asked > 0;
}

static bool
is_over(void *arg)
{
    (void)arg;
    return LIST_EMPTY(&relay.conns);
}

static void
set_up(void)
{
    struct error error = { 0 };
    uint16_t port;

    signal(SIGPIPE, SIG_IGN);
    log_file = pki_text("log", "", 0);
    handshake_log(log_file);
    listening = wire_listen(false, 16, &port);
    to.port = port;
    leaf = pki_make(&(struct pki_spec){ .cn = "leaf" }, NULL);
    leaf_file = pki_both("leaf.pem", &leaf);
    config = (struct service_config){ .name = (char *)"test",
        .listen = { &at, 1 }, .connect = { &to, 1 },
        .connect_timeout_ms = SECONDS(5), .handshake_timeout_ms = TIMEOUT_MS,
        .listen_leg = LEG(.cert = { &leaf_file, 1 }) };
    relay = (struct relay){ .loop = loop_new(), .board = scoreboard_new(),
        .max_connections = 10, .drain_timeout_ms = SECONDS(5),
        .services = &service, .service_count = 1 };
    relay.slot = scoreboard_slot_take(relay.board, 0, 0);
    kept_signer_open(&kept, relay.loop, &config);
    kept.holds = true;
    service = service_new(&(struct services_spec){ .config = &whole,
        .signer = &kept.signer }, 0, &error);
    cr_assert_not_null(service);
    ctx = SSL_CTX_new(TLS_client_method());
}

static void
tear_down(void)
{
    cr_expect_eq(scoreboard_active(relay.board, SCOREBOARD_ALL), 0);
    service_unref(service);
    kept_signer_close(&kept);
    scoreboard_free(relay.board);
    loop_free(relay.loop);
    talker_free(&client);
    SSL_CTX_free(ctx);
    pki_free(&leaf);
    pki_clean();
    close(listening);
}

TestSuite(conn_held, .init = set_up, .fini = tear_down, .timeout = 60);

/* A client that has said hello, and a server that waits for a signature. */
static struct conn *
hold(void)
{
    struct sockaddr_in peer = { .sin_family = AF_INET };
    int fds[2];

    wire_tcp(fds);
    talker_start(&client, fds[1], BULK, ctx, TLS1_3_VERSION);
    cr_assert(limits_admit(&relay, service));
    conn_start(&relay, service, 0, true, fds[0], (struct sockaddr *)&peer,
        sizeof(peer));
    talker_hear(&client, 1);
    talker_send(&client, FLIGHT);
    cr_assert(wire_until(relay.loop, is_held, NULL));
    cr_assert(tls_stream_is_held(&LIST_FIRST(&relay.conns)->client));
    return LIST_FIRST(&relay.conns);
}

static void
expect_end(const char *why)
{
    char text[8000] = "";
    int fd = open(log_file, O_RDONLY | O_CLOEXEC);

    cr_expect(wire_until(relay.loop, is_over, NULL));
    cr_assert_geq(read(fd, text, sizeof(text) - 1), 0);
    close(fd);
    cr_expect_not_null(strstr(text, why), "%s: %s", why, text);
}

Test(conn_held, ends_when_its_time_is_over)
{
    hold();
    expect_end("handshake-timeout");
    cr_expect_eq(kept.cancelled, 1);
}

Test(conn_held, ends_when_the_client_resets)
{
    hold();
    wire_reset(client.fd);
    client.fd = -1;
    expect_end("Connection reset by peer");
    cr_expect_eq(kept.cancelled, 1);
}

/* What the client has to say after that is what the answer is for. */
Test(conn_held, minds_no_end_before_the_answer)
{
    struct conn *conn = hold();

    shutdown(client.fd, SHUT_WR);
    wire_turn_for(relay.loop, 20);
    cr_expect_eq(LIST_FIRST(&relay.conns), conn);
    cr_expect_eq(conn->client.watched, 0); /* or the loop would spin */
    kept_release(&kept);
    expect_end("the peer closed without close_notify");
}

Test(conn_held, ends_when_it_is_refused)
{
    hold();
    kept.refuses = true;
    kept_release(&kept);
    while (!LIST_EMPTY(&relay.conns) &&
        LIST_FIRST(&relay.conns)->state != CONN_LINGER)
        wire_turn(relay.loop);
    wire_reset(client.fd);
    client.fd = -1;
    expect_end("the keeper made no signature");
}

Test(conn_held, ends_with_all_others)
{
    hold();
    conn_end_all(&relay);
    cr_expect_eq(kept.cancelled, 1);
    expect_end("shutdown");
}

Test(conn_held, goes_on_with_the_answer)
{
    struct conn *conn = hold();

    kept_release(&kept);
    for (int i = 0; i < 1000 && conn->state == CONN_ACCEPT_TLS; i++) {
        wire_turn(relay.loop);
        talker_hear(&client, FLIGHT);
        talker_send(&client, FLIGHT);
    }
    cr_expect_gt(conn->state, CONN_ACCEPT_TLS);
    cr_expect_eq(kept.signer.jobs.paused, 0);
    conn_end_all(&relay);
}

/* Costly work that comes back for more, each time for longer than a turn's
 * share. */
static void
stay_in_line(void *arg)
{
    uint64_t end_ns = clock_now_ns() + 3000000;

    while (clock_now_ns() < end_ns)
        continue;
    loop_line_up(relay.loop, arg);
}

/* Or all that stand in line would begin before one of them goes on. */
Test(conn_held, goes_on_with_the_answer_ahead_of_the_line)
{
    struct loop_task other = { .run = stay_in_line, .arg = &other };
    struct conn *conn = hold();

    loop_line_up(relay.loop, &other);
    kept_release(&kept);
    wire_turn(relay.loop);
    cr_expect_not(tls_stream_is_held(&conn->client));
    loop_cancel(relay.loop, &other);
    conn_end_all(&relay);
}
