/* Connections for which there is no memory, no descriptor or no port. */
#include <sys/socket.h>

#include <openssl/ssl.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/descriptors.h"
#include "base/scoreboard.h"
#include "net/wire.h"
#include "net/wraps.h"
#include "stage.h"

enum { BULK = 1000, SOON_MS = 250, CALLS_MOST = 50 };

static struct stage stage;

/* Which call fails, counted from 0, and the errno; SIZE_MAX: none. */
static size_t calloc_fails = SIZE_MAX, callocs;
static size_t socket_fails_until; /* so many calls */
static size_t connect_fails_until;
static size_t sockets, connects;
static int played_error;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *
__wrap_calloc(size_t count, size_t size)
{
    return callocs++ == calloc_fails ? NULL : __real_calloc(count, size);
}

static bool
plays(size_t *calls, size_t until)
{
    if ((*calls)++ >= until)
        return false;
    errno = played_error;
    return true;
}

int
__wrap_socket(int domain, int type, int protocol)
{
    return plays(&sockets, socket_fails_until)
        ? -1
        : __real_socket(domain, type, protocol);
}

int
__wrap_connect(int fd, const struct sockaddr *to, socklen_t length)
{
    return plays(&connects, connect_fails_until)
        ? -1
        : __real_connect(fd, to, length);
}

static void
play(int error, size_t socket_calls, size_t connect_calls)
{
    played_error = error;
    socket_fails_until = socket_calls;
    connect_fails_until = connect_calls;
    sockets = connects = 0;
}

TestSuite(conn_short, .timeout = 60);

static void
work_and_wait(struct stage *of)
{
    stage_work(of);
    wire_sleep_ms(1);
}

/* Begun before anything is short: the client's own socket is there. */
static void
run_short(int error, size_t socket_calls, size_t connect_calls)
{
    play(error, 0, 0);
    stage_begin(&stage, BULK, BULK, false);
    play(error, socket_calls, connect_calls);
    stage_run(&stage, work_and_wait);
    play(error, 0, 0);
    stage_end(&stage);
}

static const int shortages[] = { EMFILE, ENFILE, ENOMEM, ENOBUFS };

/* With TLS the relay connects only after the handshake, so what is played is
 * for its own socket. */
Test(conn_short, without_a_descriptor_ends_when_its_time_is_over)
{
    for (size_t i = 0; i < COUNT(shortages); i++) {
        const char *name = strerror(shortages[i]);

        stage_open(&stage, &(struct stage_spec){
            .client = TLS1_3_VERSION, .connect_ms = SOON_MS });
        run_short(shortages[i], SIZE_MAX, 0);
        cr_expect_str_eq(stage_reason(&stage), "out-of-resources", "%s: %s",
            name, stage_reason(&stage));
        run_short(shortages[i], 2, 0);
        cr_expect_str_eq(stage_reason(&stage), "client-closed", "%s: %s",
            name, stage_reason(&stage));
        cr_expect(stage.client.received == BULK, "it was tried again");
        stage_close(&stage);
    }
}

Test(conn_short, without_a_port_ends_at_once)
{
    stage_open(&stage, &(struct stage_spec){ .client = TLS1_2_VERSION });
    run_short(EADDRNOTAVAIL, 0, SIZE_MAX);
    cr_expect_str_eq(stage_reason(&stage), "out-of-resources");
    stage_close(&stage);
}

static const struct stage_spec specs[] = {
    { .client = 0 },
    { .client = TLS1_3_VERSION },
    { .server = TLS1_3_VERSION },
    { .client = TLS1_2_VERSION, .server = TLS1_3_VERSION, .keeps = true },
};

/* Nothing but the client's socket was there, and that is closed. */
static void
expect_refused(void)
{
    cr_expect_eq(stage.ends, 0);
    stage.ends = 1;
}

/* A signature for which there is no memory is one that could not be had. */
static void
expect_reason(const struct stage_spec *spec, size_t at)
{
    const char *reason = stage_reason(&stage);

    cr_expect(strcmp(reason, "out-of-resources") == 0 ||
            (spec->keeps && strcmp(reason, "handshake-failed") == 0),
        "call %zu: %s", at, reason);
}

/* False: no such call was made. */
static bool
run_without_memory(size_t at, bool *short_of_it)
{
    size_t made;

    callocs = 0;
    calloc_fails = at;
    stage_begin(&stage, BULK, BULK, false);
    stage_run(&stage, stage_work);
    calloc_fails = SIZE_MAX;
    made = callocs;
    if (at == 0)
        expect_refused();
    *short_of_it = stage.client.received < BULK;
    stage_end(&stage);
    return made > at;
}

Test(conn_short, without_memory_ends_with_nothing_lost)
{
    for (size_t i = 0; i < COUNT(specs); i++) {
        size_t at = 0, short_ones = 0, before;
        bool short_of_it = false;

        stage_open(&stage, &specs[i]);
        before = descriptors_count();
        while (at < CALLS_MOST && run_without_memory(at, &short_of_it)) {
            if (short_of_it && at > 0)
                expect_reason(&specs[i], at);
            short_ones += short_of_it;
            at++;
        }
        cr_expect_lt(at, CALLS_MOST);
        cr_expect_not(short_of_it, "without a failure it works");
        cr_expect_geq(short_ones, 2u + (specs[i].client != 0) +
                (specs[i].server != 0), "spec %zu: %zu", i, short_ones);
        cr_expect_eq(descriptors_count(), before);
        stage_close(&stage);
    }
}
