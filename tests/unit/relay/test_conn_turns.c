/* After each turn of the loop a connection has made progress, or waits for
 * something that is armed, or has ended: whatever pieces its peers send,
 * however they read, and however they end.  Promise 41. */
#include <openssl/ssl.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/scoreboard.h"
#include "net/full.h"
#include "net/wire.h"
#include "relay/conn_state.h"
#include "relay/flow.h"
#include "relay/pipe_pool.h"
#include "stage.h"

enum {
    BULK = 300000,
    ROUNDS = 8,
    BAD_BULK = 100000,
    BAD_ROUNDS = 20,
    ACTS_MOST = 60, /* before a peer ends in the midst of it all */
    SPLICED = 24 << 20,
    SPLICED_PIECE = 512 << 10,
};

static struct stage stage;

TestSuite(conn_turns, .timeout = 100);

static uint64_t
sum(enum metric_cell cell)
{
    return scoreboard_sum(stage.relay.board, SCOREBOARD_ALL, cell);
}

/* Peers that end well may send their FIN or not. */
static void
choose_good_ends(void)
{
    stage.client.how = random() % 2 == 0 ? TALKER_NOTIFIES : TALKER_CLOSES;
    stage.server.how = random() % 2 == 0 ? TALKER_NOTIFIES : TALKER_CLOSES;
}

static void
expect_all(uint64_t up, uint64_t down)
{
    cr_expect(stage.server.received == up && stage.server.ended &&
            stage.client.received == down && stage.client.ended,
        "%s: up %d, down %d%s%s", stage_reason(&stage),
        (int)stage.server.received, (int)stage.client.received,
        stage.server.gone ? ", the server was cut off" : "",
        stage.client.gone ? ", the client was cut off" : "");
}

/* All of a leg's handshakes were of its version, which 0 is for plain. */
static void
expect_handshakes(enum metric_cell first, int version)
{
    cr_expect_eq(sum(first), version == TLS1_2_VERSION ? ROUNDS : 0);
    cr_expect_eq(sum(first + 1), version == TLS1_3_VERSION ? ROUNDS : 0);
}

static void
run(int client, int server, bool keeps)
{
    stage_open(&stage, &(struct stage_spec){
        .client = client, .server = server, .keeps = keeps });
    srandom(20 + (unsigned)client + 3 * (unsigned)server);
    for (int i = 0; i < ROUNDS; i++) {
        stage.kept.delay_ms = i;
        stage_begin(&stage, BULK, BULK, random() % 4 == 0);
        choose_good_ends();
        stage_run(&stage, stage_talk);
        expect_all(BULK, BULK);
        stage_end(&stage);
    }
    cr_expect_eq(sum(METRIC_ENDED_WELL), ROUNDS);
    cr_expect_eq(sum(METRIC_UP_BYTES), (uint64_t)ROUNDS * BULK);
    cr_expect_eq(sum(METRIC_DOWN_BYTES), (uint64_t)ROUNDS * BULK);
    cr_expect_eq(sum(METRIC_HANDSHAKES), client != 0 ? ROUNDS : 0);
    expect_handshakes(METRIC_TLS_HANDSHAKES, client);
    expect_handshakes(METRIC_TLS_HANDSHAKES + 2, server);
    if (keeps)
        cr_expect_eq(stage.kept.answered, ROUNDS);
    stage_close(&stage);
}

Test(conn_turns, plain)
{
    run(0, 0, false);
}

Test(conn_turns, tls_1_2)
{
    run(TLS1_2_VERSION, 0, false);
}

Test(conn_turns, tls_1_3)
{
    run(TLS1_3_VERSION, 0, false);
}

Test(conn_turns, tls_1_2_with_a_kept_key)
{
    run(TLS1_2_VERSION, 0, true);
}

Test(conn_turns, tls_1_3_with_a_kept_key)
{
    run(TLS1_3_VERSION, 0, true);
}

Test(conn_turns, tls_1_2_to_the_server)
{
    run(0, TLS1_2_VERSION, false);
}

Test(conn_turns, tls_1_3_to_the_server)
{
    run(0, TLS1_3_VERSION, false);
}

Test(conn_turns, tls_on_both_legs)
{
    run(TLS1_3_VERSION, TLS1_3_VERSION, false);
}

Test(conn_turns, tls_of_different_versions)
{
    run(TLS1_2_VERSION, TLS1_3_VERSION, false);
}

/* One peer ends before it has said all, perhaps within the handshake. */
static void
spoil(struct talker *talker, enum talker_end how)
{
    talker->how = how;
    talker->acts_left = 1 + (int)(random() % ACTS_MOST);
}

/* What looks like a clean end is one, behind all that was said. */
static void
expect_told(const struct talker *spoiler, const struct talker *other)
{
    cr_expect_leq(other->received, spoiler->written);
    if (!other->ended)
        return;
    /* Of what ends without close_notify some records may not have left the
     * spoiler, but none is cut. */
    if (spoiler->ssl != NULL && spoiler->how != TALKER_CLOSES) {
        cr_expect(stage_end_says(&stage, "without close_notify"),
            "what was cut off looks whole");
        return;
    }
    cr_expect(spoiler->how == TALKER_CLOSES || spoiler->how == TALKER_TRUNCATES,
        "what was cut off looks whole");
    cr_expect_eq(other->received, spoiler->written);
}

static void
run_bad(int client, int server, enum talker_end how)
{
    stage_open(&stage,
        &(struct stage_spec){ .client = client, .server = server });
    srandom(70 + (unsigned)client + 3 * (unsigned)server);
    for (int i = 0; i < BAD_ROUNDS; i++) {
        struct talker *spoiler = i % 2 == 0 ? &stage.client : &stage.server;

        stage_begin(&stage, BAD_BULK, BAD_BULK, random() % 8 == 0);
        choose_good_ends();
        spoil(spoiler, how);
        stage_run(&stage, stage_talk);
        expect_told(
            spoiler, i % 2 == 0 ? &stage.server : &stage.client);
        stage_end(&stage);
    }
    cr_expect_eq(
        sum(METRIC_ENDED_WELL) + sum(METRIC_ENDED_BADLY), BAD_ROUNDS);
    if (how == TALKER_RESETS && client == 0 && server == 0)
        cr_expect_eq(sum(METRIC_ENDED_BADLY), BAD_ROUNDS);
    stage_close(&stage);
}

static const int versions[] = { 0, TLS1_2_VERSION, TLS1_3_VERSION };

static void
run_all_bad(enum talker_end how)
{
    for (size_t i = 0; i < COUNT(versions); i++)
        for (size_t j = 0; j < COUNT(versions); j++)
            run_bad(versions[i], versions[j], how);
}

Test(conn_turns, with_a_peer_that_resets)
{
    run_all_bad(TALKER_RESETS);
}

Test(conn_turns, with_a_peer_that_truncates)
{
    run_all_bad(TALKER_TRUNCATES);
}

Test(conn_turns, with_a_peer_that_ends_early)
{
    run_all_bad(TALKER_CLOSES);
}

Test(conn_turns, with_a_server_that_refuses)
{
    for (size_t i = 0; i < COUNT(versions); i++) {
        stage_open(&stage, &(struct stage_spec){
            .client = versions[i], .server = TLS1_3_VERSION,
            .refuses = true });
        stage_begin(&stage, BULK, BULK, false);
        stage_run(&stage, stage_work);
        stage_end(&stage);
        cr_expect_str_eq(stage_reason(&stage), "connect-refused");
        stage_close(&stage);
    }
}

/* Peers that stop at some point, and what is then the time that runs out. */
static void
say_nothing(struct stage *of)
{
    (void)of;
    wire_sleep_ms(1);
}

static void
only_client_works(struct stage *of)
{
    talker_work(&of->client);
    wire_sleep_ms(1);
}

static void
both_work(struct stage *of)
{
    stage_work(of);
    wire_sleep_ms(1);
}

static void
half_a_hello(struct stage *of)
{
    if (of->steps++ == 0)
        talker_send(&of->client, 50);
    wire_sleep_ms(1);
}

enum { SOON_MS = 30 };

static const struct {
    const char *name;
    struct stage_spec spec;
    void (*act)(struct stage *);
    bool open; /* neither peer ends by itself */
    const char *reason;
} expiries[] = {
    { "a silent client", { .client = TLS1_3_VERSION, .handshake_ms = SOON_MS },
        say_nothing, false, "handshake-timeout" },
    { "half a ClientHello",
        { .client = TLS1_2_VERSION, .handshake_ms = SOON_MS },
        half_a_hello, false, "handshake-timeout" },
    { "a silent server", { .server = TLS1_3_VERSION, .handshake_ms = SOON_MS },
        only_client_works, false, "handshake-timeout" },
    { "a silent server behind TLS",
        { .client = TLS1_3_VERSION, .server = TLS1_2_VERSION,
            .handshake_ms = SOON_MS },
        only_client_works, false, "handshake-timeout" },
    { "idle", { .idle_ms = SOON_MS }, both_work, true, "idle-timeout" },
    { "idle with TLS",
        { .client = TLS1_3_VERSION, .server = TLS1_3_VERSION,
            .idle_ms = SOON_MS },
        both_work, true, "idle-timeout" },
    { "a server that reads nothing", { .idle_ms = SOON_MS }, only_client_works,
        false, "idle-timeout" },
    { "half closed", { .half_close_ms = SOON_MS }, only_client_works, false,
        "half-close-timeout" },
    { "half closed, with TLS",
        { .client = TLS1_2_VERSION, .half_close_ms = SOON_MS },
        only_client_works, false, "half-close-timeout" },
    { "old", { .client = TLS1_2_VERSION, .lifetime_ms = SOON_MS }, both_work,
        true, "lifetime" },
};

Test(conn_turns, until_time_runs_out)
{
    for (size_t i = 0; i < COUNT(expiries); i++) {
        stage_open(&stage, &expiries[i].spec);
        stage.relay.drain_timeout_ms = SOON_MS;
        stage_begin(&stage, BULK, 1000, false);
        if (expiries[i].open) /* it has more to say than it will */
            stage.client.piece = stage.server.piece = 0;
        stage_run(&stage, expiries[i].act);
        stage_end(&stage);
        cr_expect_str_eq(stage_reason(&stage), expiries[i].reason, "%s: %s",
            expiries[i].name, stage_reason(&stage));
        stage_close(&stage);
    }
}

static bool
is_server(int fd)
{
    return !LIST_EMPTY(&stage.relay.conns) &&
        LIST_FIRST(&stage.relay.conns)->server.fd == fd;
}

/* Copying may have filled the kernel before the traffic has proved bulk. */
static void
let_copying_go_on(struct stage *of)
{
    const struct conn *conn = LIST_FIRST(&of->relay.conns);

    if (conn->state == CONN_RELAY && conn->up.pipe == NULL &&
        conn->up.wait == FLOW_WAITS_OUTPUT)
        talker_work(&of->server);
}

/* The server hears nothing before bytes wait in a pipe, and for room. */
static void
deaf_at_first(struct stage *of)
{
    const struct conn *conn = LIST_FIRST(&of->relay.conns);

    talker_work(&of->client);
    if (of->steps == 0 && conn->state == CONN_RELAY &&
        conn->up.pipe != NULL && conn->up.wait == FLOW_WAITS_OUTPUT)
        of->steps++;
    full_set(of->steps == 0 ? is_server : NULL);
    if (of->steps == 0)
        let_copying_go_on(of);
    else
        talker_work(&of->server);
}

Test(conn_turns, with_bytes_that_wait_in_a_pipe)
{
    stage_open(&stage, &(struct stage_spec){ .client = 0 });
    for (int i = 0; i < 2; i++) {
        full_set(is_server);
        stage_begin(&stage, SPLICED, 1000, false);
        stage.client.piece = SPLICED_PIECE;
        stage_run(&stage, deaf_at_first);
        expect_all(SPLICED, 1000);
        stage_end(&stage);
        cr_expect_eq(stage.steps, 1, "nothing waited in a pipe");
        stage.steps = 0;
    }
    cr_expect_geq(stage.relay.pipes.open, 1);
    cr_expect_eq(sum(METRIC_ENDED_WELL), 2);
    stage_close(&stage);
}

/* The same, but with a server that then resets. */
static void
deaf_then_gone(struct stage *of)
{
    const struct conn *conn = LIST_FIRST(&of->relay.conns);

    talker_work(&of->client);
    if (of->steps > 0)
        return;
    if (conn->state != CONN_RELAY || conn->up.pipe == NULL ||
        conn->up.wait != FLOW_WAITS_OUTPUT) {
        let_copying_go_on(of);
        return;
    }
    of->steps++;
    full_set(NULL); /* from now on the kernel says what it thinks of the sink */
    of->server.how = TALKER_RESETS;
    of->server.acts_left = 1;
    talker_act(&of->server);
}

Test(conn_turns, with_bytes_lost_in_a_pipe)
{
    stage_open(&stage, &(struct stage_spec){ .client = 0 });
    full_set(is_server);
    stage_begin(&stage, SPLICED, 1000, false);
    stage.client.piece = SPLICED_PIECE;
    stage_run(&stage, deaf_then_gone);
    stage_end(&stage);
    cr_expect_eq(stage.steps, 1, "nothing waited in a pipe");
    cr_expect_str_eq(stage_reason(&stage), "reset-by-server");
    cr_expect_eq(stage.relay.pipes.open, 0, "what is in it belongs to no flow");
    stage_close(&stage);
}
