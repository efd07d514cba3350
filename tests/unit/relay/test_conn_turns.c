/* After each turn of the loop a connection has made progress, or waits for
 * something that is armed, or has ended: whatever pieces its peers send, and
 * however they read. */
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <openssl/ssl.h>

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/board.h"
#include "base/error.h"
#include "config/config.h"
#include "net/loop.h"
#include "net/wire.h"
#include "relay/conn.h"
#include "relay/conn_parts.h"
#include "relay/limits.h"
#include "relay/relay.h"
#include "relay/service.h"
#include "talker.h"
#include "tls/handshake.h"
#include "tls/kept.h"
#include "tls/pki.h"

enum { BULK = 300000, ROUNDS = 8, TURNS = 200000, STUCK = 3000 };

static struct relay relay;
static struct service *service;
static struct talker client, server;
static SSL_CTX *ctx;
static struct kept_signer kept;
static size_t ends;

static void
on_ended(void *arg)
{
    (void)arg;
    ends++;
}

static bool
is_readable(const struct stream *stream)
{
    int count = 0;

    return stream_is_open(stream) &&
        ioctl(stream->fd, FIONREAD, &count) == 0 && count > 0;
}

static void
check_stream(const struct conn *conn, const struct stream *stream)
{
    if (buffer_length(&stream->pending) > 0)
        cr_assert((stream->watched & EV_WRITE) || conn->task.link != NULL,
            "bytes are pending, and nobody waits to send them");
}

static void
check_flow(const struct conn *conn, const struct flow *flow)
{
    bool blocked =
        flow->wait == FLOW_WAITS_OUTPUT || flow->wait == FLOW_WAITS_PEER;

    if (flow->state != FLOW_OPEN || blocked || conn->task.link != NULL)
        return;
    cr_assert_not(stream_has_input(flow->from),
        "input waits in user space, and nobody will look");
    if (is_readable(flow->from))
        cr_assert(flow->from->watched & EV_READ,
            "input waits in the kernel, and nobody asks");
}

static void
check(const struct conn *conn)
{
    bool armed = conn->client.watched != 0 || conn->server.watched != 0 ||
        conn->task.link != NULL || conn->connector != NULL ||
        event_pending(&conn->timer, EV_TIMEOUT, NULL);

    cr_assert(armed, "nothing can wake it: %s", conn_state_name(conn->state));
    if (conn->state != CONN_RELAY)
        return;
    check_stream(conn, &conn->client);
    check_stream(conn, &conn->server);
    check_flow(conn, &conn->up);
    check_flow(conn, &conn->down);
}

static void
start(int version, int listening)
{
    struct sockaddr_in peer = { .sin_family = AF_INET };
    int fds[2];

    wire_tcp(fds);
    if (random() % 4 == 0) {
        wire_shrink(fds[0]);
        wire_shrink(fds[1]);
    }
    talker_start(&client, fds[1], BULK, version != 0 ? ctx : NULL, version);
    cr_assert(limits_admit(&relay, service));
    conn_start(&relay, service, version != 0, fds[0],
        (struct sockaddr *)&peer, sizeof(peer));
    talker_start(&server, -1, BULK, NULL, 0);
    while (server.fd < 0) {
        wire_turn(relay.loop);
        if (relay.conns != NULL)
            check(relay.conns);
        talker_hear(&client, 500);
        talker_send(&client, 100);
        server.fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
    }
}

static uint64_t
moved(const struct talker *talker)
{
    return talker->written + talker->received + talker->ended;
}

static void
relay_to_the_end(void)
{
    uint64_t last = 0, now;
    int quiet = 0;

    for (int turn = 0; turn < TURNS && relay.conns != NULL; turn++) {
        talker_act(random() % 2 == 0 ? &client : &server);
        wire_turn(relay.loop);
        if (relay.conns != NULL)
            check(relay.conns);
        now = moved(&client) + moved(&server);
        quiet = now == last ? quiet + 1 : 0;
        if (quiet > STUCK / 10) /* a small window opens by a timer */
            wire_sleep_ms(1);
        cr_assert_lt(quiet, STUCK, "it is stuck");
        last = now;
    }
    for (int i = 0; i < 1000 && !(client.ended && server.ended); i++) {
        talker_hear(&client, BULK);
        talker_hear(&server, BULK);
        wire_sleep_ms(1);
    }
}

/* With a signer, which takes its time, the key is nowhere else. */
static void
make_service(struct config *whole, bool keeps)
{
    struct services_spec spec = { .config = whole };
    struct error error = { .count = 0 };

    if (keeps) {
        kept_signer_open(&kept, relay.loop, &whole->services[0]);
        spec.signer = &kept.signer;
    }
    service = service_new(&spec, 0, &error);
    cr_assert_not_null(service);
    relay.services = &service;
    relay.service_count = 1;
}

static void
run(int version, bool keeps)
{
    uint16_t port;
    int listening = wire_listen(false, 16, &port);
    struct endpoint to = { .kind = ENDPOINT_INET,
        .host = (char *)"127.0.0.1", .port = port, .text = (char *)"server" };
    struct endpoint at = { .tls = true, .text = (char *)"here" };
    struct pki leaf = pki_make(&(struct pki_spec){ .cn = "leaf" }, NULL);
    char *file = pki_both("leaf.pem", &leaf);
    struct service_config config = {
        .name = (char *)"test",
        .listen = { &at, 1 },
        .connect = { &to, 1 },
        .connect_timeout_ms = SECONDS(5),
        .handshake_timeout_ms = SECONDS(5),
        .listen_leg = LEG(.cert = STRINGS(file)),
    };
    struct config whole = {
        .references = 1, /* ours: never freed */
        .services = &config,
        .service_count = 1,
    };

    signal(SIGPIPE, SIG_IGN);
    srandom(20 + (unsigned)version);
    handshake_log(pki_text("log", "", 0));
    ctx = SSL_CTX_new(TLS_client_method());
    relay = (struct relay){ .loop = loop_new(), .board = board_new(),
        .max_connections = 10, .drain_timeout_ms = SECONDS(5),
        .ended = on_ended };
    make_service(&whole, keeps);
    relay.slot = board_slot_take(relay.board, 0, 0);
    for (size_t i = 0; i < ROUNDS; i++) {
        kept.delay_ms = (int)i;
        start(version, listening);
        relay_to_the_end();
        cr_expect_eq(ends, i + 1);
        cr_expect_eq(client.received, BULK);
        cr_expect_eq(server.received, BULK);
        cr_expect(client.ended && server.ended);
        talker_free(&client);
        talker_free(&server);
    }
    conn_end_all(&relay);
    cr_expect_eq(board_active(relay.board, BOARD_ALL), 0);
    cr_expect_eq(
        board_sum(relay.board, BOARD_ALL, BOARD_ENDED_WELL), ROUNDS);
    cr_expect_eq(board_sum(relay.board, BOARD_ALL, BOARD_UP_BYTES),
        (uint64_t)ROUNDS * BULK);
    cr_expect_eq(board_sum(relay.board, BOARD_ALL, BOARD_HANDSHAKES),
        version != 0 ? ROUNDS : 0);
    pipe_pool_clear(&relay.pipes);
    service_unref(service);
    if (keeps) {
        cr_expect_eq(kept.answered, ROUNDS);
        kept_signer_close(&kept);
    }
    board_free(relay.board);
    loop_free(relay.loop);
    SSL_CTX_free(ctx);
    pki_free(&leaf);
    pki_clean();
    close(listening);
}

TestSuite(conn_turns, .timeout = 100);

Test(conn_turns, plain)
{
    run(0, false);
}

Test(conn_turns, tls_1_2)
{
    run(TLS1_2_VERSION, false);
}

Test(conn_turns, tls_1_3)
{
    run(TLS1_3_VERSION, false);
}

Test(conn_turns, tls_1_2_with_a_kept_key)
{
    run(TLS1_2_VERSION, true);
}

Test(conn_turns, tls_1_3_with_a_kept_key)
{
    run(TLS1_3_VERSION, true);
}
