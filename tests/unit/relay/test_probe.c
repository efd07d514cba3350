/* A probe: one report, whatever the server does and whenever it is given up. */
#include "relay/probe.h"

#include <sys/socket.h>

#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/scratch.h"
#include "config/config.h"
#include "net/dial.h"
#include "net/loop.h"
#include "net/wire.h"
#include "tls/tls_context.h"

static struct dial dial;
static struct tls_context *context;
static struct probe *probe;
static struct probe_report report;
static int reports;

static void
set_up(void)
{
    struct error error = { .count = 0 };

    dial_open(&dial, "127.0.0.1 localhost\n");
    dial.service.handshake_timeout_ms = 200;
    dial.service.connect_leg.verify = VERIFY_NONE;
    dial.service.connect_leg.verify_depth = 1;
    dial.service.connect_leg.min_version = TLS_VERSION_1_2;
    dial.service.connect_leg.max_version = TLS_VERSION_1_3;
    context = tls_context_new(&dial.service, TLS_CONNECT,
        &(struct tls_resources){ .shared = NULL }, &error);
    cr_assert_not_null(context, "%s", error_first(&error));
    reports = 0;
}

static void
tear_down(void)
{
    probe_cancel(probe);
    tls_context_free(context);
    dial_close(&dial);
}

TestSuite(probe, .init = set_up, .fini = tear_down, .timeout = 30);

static void
on_done(void *arg, const struct probe_report *told)
{
    (void)arg;
    cr_expect_null(probe);
    report = *told;
    reports++;
}

static void
begin_probe(const char *host, uint16_t port, bool tls)
{
    reports = 0;
    dial.service.connect.count = 0;
    dial_add(&dial, host, port);
    dial.endpoints[0].tls = tls;
    probe_start(&(struct probe_spec){
        .loop = dial.loop, .resolver = dial.resolver, .memory = &dial.memory,
        .service = &dial.service, .server = 0,
        .context = tls ? context : NULL, .done = on_done }, &probe);
}

static bool
is_reported(void *arg)
{
    (void)arg;
    return reports > 0;
}

static void
run_probe(const char *host, uint16_t port, bool tls)
{
    begin_probe(host, port, tls);
    cr_assert(wire_until(dial.loop, is_reported, NULL));
    cr_expect_eq(reports, 1);
}

static int
accept_one(void)
{
    int fd = accept(dial.listening, NULL, NULL);

    cr_assert_geq(fd, 0);
    return fd;
}

Test(probe, finds_a_plain_server_and_sends_nothing)
{
    char byte;
    int fd;

    run_probe("localhost", dial.port, false);
    cr_expect_eq(report.result, PROBE_GOOD);
    cr_expect_str_eq(report.address, "127.0.0.1");
    fd = accept_one();
    cr_expect_eq(recv(fd, &byte, 1, 0), 0);
    close(fd);
}

Test(probe, finds_no_server)
{
    char *missing = strdup(scratch_path("missing"));

    run_probe("127.0.0.1", wire_free_port(), false);
    cr_expect_eq(report.result, PROBE_FAILED);
    cr_expect_str_eq(report.why, "refused, no server listens there");
    reports = 0;
    run_probe(missing, 0, false);
    cr_expect_eq(report.result, PROBE_FAILED);
    reports = 0;
    /* Nothing answers at the DNS's port of this machine. */
    run_probe("no-such-name.invalid", 1, false);
    cr_expect_eq(report.result, PROBE_UNRESOLVED);
    free(missing);
}

Test(probe, bounds_the_handshake)
{
    run_probe("127.0.0.1", dial.port, true);
    cr_expect_eq(report.result, PROBE_FAILED);
    cr_expect_str_eq(report.why, "no TLS within timeout.handshake");
}

static void
answer_hello(const void *answer, size_t length)
{
    uint8_t hello[4096];
    int fd;

    begin_probe("127.0.0.1", dial.port, true);
    wire_turn_for(dial.loop, 20);
    fd = accept_one();
    cr_assert_gt(recv(fd, hello, sizeof(hello), 0), 0);
    if (length > 0)
        wire_send(fd, answer, length);
    close(fd);
    cr_assert(wire_until(dial.loop, is_reported, NULL));
    cr_expect_eq(report.result, PROBE_FAILED);
}

Test(probe, tells_what_is_no_tls)
{
    static const uint8_t alert[] = { 21, 3, 3, 0, 2, 2, 80 };
    static const char http[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    static uint8_t rubbish[100000];

    answer_hello(http, sizeof(http));
    cr_expect_str_eq(report.why, "the server speaks plain HTTP, not TLS");
    answer_hello(alert, sizeof(alert));
    cr_expect_not_null(strstr(report.why, "(alert internal_error)"));
    answer_hello(rubbish, sizeof(rubbish));
    cr_expect_str_eq(report.why, "the server does not speak TLS");
    answer_hello(NULL, 0);
    cr_expect_str_eq(report.why, "the peer closed before its first byte");
}

Test(probe, may_be_cancelled_at_any_time)
{
    probe_cancel(NULL);
    for (int turns = 0; turns < 6; turns++) {
        begin_probe("localhost", dial.port, turns % 2 == 0);
        for (int i = 0; i < turns; i++)
            wire_turn(dial.loop);
        probe_cancel(probe);
        cr_expect_null(probe);
        begin_probe("no-such-name.invalid", 1, true);
        probe_cancel(probe);
        reports = 0;
        for (int i = 0; i < 3; i++)
            wire_turn(dial.loop);
        cr_expect_eq(reports, 0);
    }
}
