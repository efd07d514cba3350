#include "stage.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <openssl/ssl.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "base/scoreboard.h"
#include "net/loop.h"
#include "net/wire.h"
#include "relay/conn.h"
#include "relay/conn_state.h"
#include "relay/limits.h"
#include "relay/service.h"
#include "tls/handshake.h"
#include "turn_check.h"

enum { QUIET = 300, STUCK = 3000, REST = 5000 };

static void
on_ended(void *arg)
{
    struct stage *stage = arg;

    stage->ends++;
}

static void
make_peers(struct stage *stage)
{
    stage->client_ctx = SSL_CTX_new(TLS_client_method());
    stage->server_ctx = SSL_CTX_new(TLS_server_method());
    cr_assert_not_null(stage->client_ctx);
    cr_assert_not_null(stage->server_ctx);
    cr_assert_eq(
        SSL_CTX_use_certificate(stage->server_ctx, stage->leaf.cert), 1);
    cr_assert_eq(
        SSL_CTX_use_PrivateKey(stage->server_ctx, stage->leaf.key), 1);
}

static uint64_t
or_5_s(uint64_t ms)
{
    return ms > 0 ? ms : SECONDS(5);
}

static void
make_config(struct stage *stage)
{
    const struct stage_spec *spec = &stage->spec;

    stage->config = (struct service_config){
        .name = (char *)"test",
        .listen = { &stage->at, 1 },
        .connect = { &stage->to, 1 },
        .connect_timeout_ms = or_5_s(spec->connect_ms),
        .handshake_timeout_ms = or_5_s(spec->handshake_ms),
        .idle_timeout_ms = spec->idle_ms,
        .half_close_timeout_ms = spec->half_close_ms,
        .lifetime_ms = spec->lifetime_ms,
        .listen_leg = LEG(.cert = { &stage->leaf_file, 1 }),
        .connect_leg = LEG(.verify = VERIFY_REQUIRED,
            .ca = { &stage->leaf_file, 1 }),
    };
    /* All handshakes are whole ones. */
    stage->config.connect_leg.session_tickets = false;
    stage->whole = (struct config){
        .references = 1, /* ours: never freed */
        .services = &stage->config,
        .service_count = 1,
    };
}

/* With a signer the key is nowhere else. */
static void
make_service(struct stage *stage)
{
    struct services_spec spec = { .config = &stage->whole };
    struct error error = { .count = 0 };

    if (stage->spec.keeps) {
        kept_signer_open(&stage->kept, stage->relay.loop, &stage->config);
        spec.signer = &stage->kept.signer;
    }
    stage->service = service_new(&spec, 0, &error);
    cr_assert_not_null(stage->service, "%s",
        error.count > 0 ? error.messages[0] : "");
    stage->relay.services = &stage->service;
    stage->relay.service_count = 1;
}

void
stage_open(struct stage *stage, const struct stage_spec *spec)
{
    uint16_t port;

    signal(SIGPIPE, SIG_IGN);
    *stage = (struct stage){ .spec = *spec };
    stage->client.fd = stage->server.fd = -1;
    stage->log_file = pki_text("log", "", 0);
    handshake_log(stage->log_file);
    stage->leaf = pki_make(
        &(struct pki_spec){ .cn = "leaf", .san = "IP:127.0.0.1" }, NULL);
    stage->leaf_file = pki_both("leaf.pem", &stage->leaf);
    stage->listening = wire_listen(false, 16, &port);
    stage->at = (struct endpoint){ .tls = spec->client != 0,
        .text = (char *)"here" };
    stage->to = (struct endpoint){ .kind = ENDPOINT_INET,
        .tls = spec->server != 0, .host = (char *)"127.0.0.1",
        .port = spec->refuses ? wire_free_port() : port,
        .text = (char *)"server" };
    make_peers(stage);
    make_config(stage);
    stage->relay = (struct relay){ .loop = loop_new(),
        .board = scoreboard_new(),
        .max_connections = 10,
        .drain_timeout_ms = SECONDS(5),
        .ended = on_ended,
        .arg = stage };
    stage->relay.slot = scoreboard_slot_take(stage->relay.board, 0, 0);
    make_service(stage);
}

void
stage_close(struct stage *stage)
{
    conn_end_all(&stage->relay);
    cr_expect_eq(scoreboard_active(stage->relay.board, SCOREBOARD_ALL), 0);
    pipe_pool_clear(&stage->relay.pipes);
    cr_expect_eq(stage->relay.pipes.open, 0, "no pipe is lost");
    service_unref(stage->service);
    if (stage->spec.keeps)
        kept_signer_close(&stage->kept);
    scoreboard_free(stage->relay.board);
    loop_free(stage->relay.loop);
    SSL_CTX_free(stage->client_ctx);
    SSL_CTX_free(stage->server_ctx);
    pki_free(&stage->leaf);
    pki_clean();
    close(stage->listening);
}

void
stage_begin(struct stage *stage, uint64_t up, uint64_t down, bool narrow)
{
    const struct stage_spec *spec = &stage->spec;
    struct sockaddr_in peer = { .sin_family = AF_INET };
    int fds[2];

    wire_tcp(fds);
    if (narrow) {
        wire_shrink(fds[0]);
        wire_shrink(fds[1]);
    }
    talker_start(&stage->client, fds[1], up,
        spec->client != 0 ? stage->client_ctx : NULL, spec->client);
    talker_start(&stage->server, -1, down,
        spec->server != 0 ? stage->server_ctx : NULL, spec->server);
    cr_assert(limits_admit(&stage->relay, stage->service));
    conn_start(&stage->relay, stage->service, 0, spec->client != 0, fds[0],
        (struct sockaddr *)&peer, sizeof(peer));
}

static void
accept_relay(struct stage *stage)
{
    if (stage->server.fd >= 0 || stage->server.gone)
        return;
    stage->server.fd =
        accept4(stage->listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

void
stage_turn(struct stage *stage)
{
    wire_turn(stage->relay.loop);
    if (!LIST_EMPTY(&stage->relay.conns))
        turn_check(LIST_FIRST(&stage->relay.conns));
    accept_relay(stage);
}

static uint64_t
moved(const struct talker *talker)
{
    return talker->written + talker->received + talker->finished +
        talker->ended + talker->gone;
}

static uint64_t
progress(const struct stage *stage)
{
    return stage->steps + moved(&stage->client) + moved(&stage->server);
}

/* One that no relay has come to has nothing to be told. */
static bool
are_told(const struct stage *stage)
{
    return talker_is_told(&stage->client) &&
        (stage->server.fd < 0 || talker_is_told(&stage->server));
}

static void
on_the_rest(struct stage *stage)
{
    accept_relay(stage);
    for (int i = 0; i < REST && !are_told(stage); i++) {
        talker_hear(&stage->client, SIZE_MAX);
        talker_hear(&stage->server, SIZE_MAX);
        wire_sleep_ms(1);
    }
    cr_expect(are_told(stage), "a peer is left waiting");
}

void
stage_run(struct stage *stage, void (*act)(struct stage *))
{
    uint64_t last = 0, now;
    int quiet = 0;

    while (!LIST_EMPTY(&stage->relay.conns)) {
        act(stage);
        stage_turn(stage);
        now = progress(stage);
        quiet = now == last ? quiet + 1 : 0;
        if (quiet > QUIET) /* a small window opens by a timer */
            wire_sleep_ms(1);
        cr_assert_lt(quiet, STUCK, "it is stuck");
        last = now;
    }
    on_the_rest(stage);
}

void
stage_end(struct stage *stage)
{
    int fd;

    cr_expect_eq(stage->ends, 1);
    stage->ends = 0;
    cr_expect_eq(scoreboard_active(stage->relay.board, SCOREBOARD_ALL), 0);
    talker_free(&stage->client);
    talker_free(&stage->server);
    while ((fd = accept4(stage->listening, NULL, NULL, 0)) >= 0)
        close(fd); /* a connection that ended before the relay looked */
}

void
stage_talk(struct stage *stage)
{
    talker_act(random() % 2 == 0 ? &stage->client : &stage->server);
}

void
stage_work(struct stage *stage)
{
    talker_work(&stage->client);
    talker_work(&stage->server);
}

/* Valid until the next call; "" if there is none. */
static const char *
last_end(const struct stage *stage)
{
    static char line[4096], last[4096];
    FILE *log = fopen(stage->log_file, "re");

    cr_assert_not_null(log);
    last[0] = '\0';
    while (fgets(line, sizeof(line), log) != NULL)
        if (strstr(line, " reason=") != NULL)
            strcpy(last, line);
    fclose(log);
    return last;
}

const char *
stage_reason(const struct stage *stage)
{
    static const char key[] = " reason=";
    static char reason[64];
    const char *found = strstr(last_end(stage), key);

    reason[0] = '\0';
    if (found != NULL)
        sscanf(found + sizeof(key) - 1, "%63[a-z-]", reason);
    return reason;
}

bool
stage_end_says(const struct stage *stage, const char *text)
{
    return strstr(last_end(stage), text) != NULL;
}
