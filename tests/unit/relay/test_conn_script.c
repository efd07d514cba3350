/* The kernel plays a script with a connection: what each system call on one of
 * its sockets does is told by a table.  However that goes, after each turn the
 * connection has made progress, waits for something, or has ended.
 * Promise 41. */
#include <sys/socket.h>

#include <openssl/ssl.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "base/descriptors.h"
#include "base/scoreboard.h"
#include "net/wire.h"
#include "net/wraps.h"
#include "relay/conn_state.h"
#include "relay/service.h"
#include "stage.h"

enum { STEPS_MOST = 8, CALLS_MOST = 400 };

enum deed {
    PASSES,     /* the kernel does what it would do */
    GIVES,      /* it takes or gives so many bytes at most */
    BLOCKS,     /* EAGAIN */
    INTERRUPTS, /* EINTR */
    ENDS,       /* input: FIN; from then on */
    RESETS,     /* ECONNRESET; from then on */
};

struct step {
    enum deed deed;
    size_t size;
};

/* What happens to the calls of one kind on one leg, over and over; or, with
 * `at`, to that one call only. */
struct track {
    struct step steps[STEPS_MOST];
    size_t count;
    bool once;
    size_t at;
};

enum kind { INPUT, OUTPUT, KINDS };
enum leg { CLIENT, SERVER, LEGS };

static struct stage stage;
static struct script {
    struct track tracks[LEGS][KINDS];
    size_t calls[LEGS][KINDS];
    bool ended[LEGS];
    bool reset[LEGS];
} script;

static uint64_t well_before; /* how many connections had ended so */

TestSuite(conn_script, .timeout = 100);

/* LEGS: it is none of the connection's. */
static enum leg
leg_of(int fd)
{
    const struct conn *conn = LIST_FIRST(&stage.relay.conns);

    if (conn != NULL && fd >= 0 && conn->client.fd == fd)
        return CLIENT;
    if (conn != NULL && fd >= 0 && conn->server.fd == fd)
        return SERVER;
    return LEGS;
}

static struct step
next_step(enum leg leg, enum kind kind)
{
    const struct track *track = &script.tracks[leg][kind];
    size_t call = script.calls[leg][kind]++;

    stage.steps++;
    if (script.reset[leg])
        return (struct step){ RESETS, 0 };
    if (script.ended[leg] && kind == INPUT)
        return (struct step){ ENDS, 0 };
    if (track->count == 0 || (track->once && call != track->at))
        return (struct step){ PASSES, 0 };
    return track->steps[track->once ? 0 : call % track->count];
}

static ssize_t
fail(int error)
{
    errno = error;
    return -1;
}

/* A reset is told once; then there is an end, and no peer to write to. */
static ssize_t
reset(enum leg leg, enum kind kind)
{
    bool told = script.reset[leg];

    script.reset[leg] = true;
    if (!told)
        return fail(ECONNRESET);
    return kind == INPUT ? 0 : fail(EPIPE);
}

/* True: the call is over, with `*result`; else it goes on with `*size`. */
static bool
play(enum leg leg, enum kind kind, size_t *size, ssize_t *result)
{
    struct step step = next_step(leg, kind);

    switch (step.deed) {
    case PASSES:
        return false;
    case GIVES:
        *size = *size < step.size ? *size : step.size;
        return false;
    case BLOCKS:
        *result = fail(EAGAIN);
        return true;
    case INTERRUPTS:
        *result = fail(EINTR);
        return true;
    case ENDS:
        script.ended[leg] = true;
        *result = 0;
        return true;
    default:
        *result = reset(leg, kind);
        return true;
    }
}

ssize_t
__wrap_recv(int fd, void *data, size_t size, int flags)
{
    enum leg leg = leg_of(fd);
    ssize_t result;

    if (leg != LEGS && play(leg, INPUT, &size, &result))
        return result;
    return __real_recv(fd, data, size, flags);
}

ssize_t
__wrap_send(int fd, const void *data, size_t size, int flags)
{
    enum leg leg = leg_of(fd);
    ssize_t result;

    if (leg != LEGS && play(leg, OUTPUT, &size, &result))
        return result;
    return __real_send(fd, data, size, flags);
}

ssize_t
__wrap_splice(int in, off64_t *in_at, int out, off64_t *out_at, size_t size,
    unsigned flags)
{
    ssize_t result;

    if (leg_of(in) != LEGS && play(leg_of(in), INPUT, &size, &result))
        return result;
    if (leg_of(out) != LEGS && play(leg_of(out), OUTPUT, &size, &result))
        return result;
    return __real_splice(in, in_at, out, out_at, size, flags);
}

/* How much is said, and how both legs are. */
struct scene {
    struct stage_spec spec;
    uint64_t up, down;
    size_t piece;
};

static const struct scene scenes[] = {
    { { .client = TLS1_2_VERSION }, 3000, 3000, 700 },
    { { .client = TLS1_3_VERSION }, 3000, 3000, 700 },
    { { .server = TLS1_2_VERSION }, 3000, 3000, 700 },
    { { .server = TLS1_3_VERSION }, 3000, 3000, 700 },
    { { .client = TLS1_3_VERSION, .server = TLS1_2_VERSION }, 3000, 3000,
        700 },
    { { .client = TLS1_2_VERSION, .server = TLS1_3_VERSION, .keeps = true },
        3000, 3000, 700 },
    { { .client = 0 }, 3000, 3000, 700 },
};

static const struct scene plain_scene = { { .client = 0 }, 3000, 3000, 700 };

/* Enough for splicing to begin, and to go on for some pipes. */
static const struct scene bulk_scene =
    { { .client = 0 }, 3 << 20, 3000, 512 << 10 };

static void
open_scene(const struct scene *scene)
{
    stage_open(&stage, &scene->spec);
    srandom(7);
}

/* One connection, and what the script does with it. */
static void
play_scene(const struct scene *scene, const struct script *with)
{
    script = *with;
    stage.service->clients_wait = false; /* a first look has its call, too */
    well_before = scoreboard_sum(stage.relay.board, SCOREBOARD_ALL,
        METRIC_ENDED_WELL);
    stage_begin(&stage, scene->up, scene->down, false);
    stage.client.piece = stage.server.piece = scene->piece;
    stage.client.how = stage.server.how = TALKER_CLOSES;
    stage_run(&stage, stage_work);
}

static bool
ended_well(void)
{
    return scoreboard_sum(stage.relay.board, SCOREBOARD_ALL,
               METRIC_ENDED_WELL) > well_before;
}

static bool
is_whole(const struct scene *scene)
{
    return stage.server.received == scene->up &&
        stage.client.received == scene->down && stage.client.ended &&
        stage.server.ended;
}

/* What the kernel may do at any time without harm. */
static const struct patience {
    const char *name;
    struct track input, output;
} patiences[] = {
    { "a byte at a time comes", { { { GIVES, 1 } }, .count = 1 },
        { .count = 0 } },
    { "a byte at a time goes", { .count = 0 },
        { { { GIVES, 1 } }, .count = 1 } },
    { "a header at a time", { { { GIVES, 5 } }, .count = 1 },
        { { { GIVES, 5 } }, .count = 1 } },
    { "nothing every other time",
        { { { BLOCKS, 0 }, { PASSES, 0 } }, .count = 2 },
        { { { BLOCKS, 0 }, { PASSES, 0 } }, .count = 2 } },
    { "something every third time",
        { { { BLOCKS, 0 }, { BLOCKS, 0 }, { GIVES, 100 } }, .count = 3 },
        { { { BLOCKS, 0 }, { BLOCKS, 0 }, { GIVES, 333 } }, .count = 3 } },
    { "interrupted", { { { INTERRUPTS, 0 }, { GIVES, 50 } }, .count = 2 },
        { { { INTERRUPTS, 0 }, { GIVES, 70 } }, .count = 2 } },
    { "odd pieces",
        { { { GIVES, 1 }, { GIVES, 4 }, { GIVES, 999 }, { BLOCKS, 0 },
              { GIVES, 17 } }, .count = 5 },
        { { { GIVES, 3 }, { GIVES, 1 }, { BLOCKS, 0 }, { INTERRUPTS, 0 },
              { GIVES, 711 }, { BLOCKS, 0 }, { PASSES, 0 } }, .count = 7 } },
};

static void
expect_patience(
    const struct patience *row, const struct scene *scene, unsigned legs)
{
    struct script with = { .ended = { false } };

    for (size_t leg = 0; leg < LEGS; leg++) {
        if ((legs >> leg & 1) == 0)
            continue;
        with.tracks[leg][INPUT] = row->input;
        with.tracks[leg][OUTPUT] = row->output;
    }
    play_scene(scene, &with);
    cr_expect(is_whole(scene), "%s, legs %u: %d of %d, %d of %d",
        row->name, legs, (int)stage.server.received,
        (int)scene->up, (int)stage.client.received, (int)scene->down);
    cr_expect(ended_well(), "%s, legs %u: %s", row->name, legs,
        stage_reason(&stage));
    stage_end(&stage);
}

Test(conn_script, any_pieces_are_the_same_to_it)
{
    for (size_t i = 0; i < COUNT(scenes); i++) {
        open_scene(&scenes[i]);
        for (size_t row = 0; row < COUNT(patiences); row++)
            for (unsigned legs = 1; legs < 1 << LEGS; legs++)
                expect_patience(&patiences[row], &scenes[i], legs);
        stage_close(&stage);
    }
}

/* Large enough to be spliced. */
static const struct patience bulk_patiences[] = {
    { "nothing every other time",
        { { { BLOCKS, 0 }, { PASSES, 0 } }, .count = 2 },
        { { { BLOCKS, 0 }, { PASSES, 0 } }, .count = 2 } },
    { "less than was asked for",
        { { { GIVES, 300000 }, { GIVES, 100000 } }, .count = 2 },
        { { { GIVES, 70001 }, { BLOCKS, 0 } }, .count = 2 } },
    { "interrupted", { { { INTERRUPTS, 0 }, { PASSES, 0 } }, .count = 2 },
        { { { INTERRUPTS, 0 }, { GIVES, 200000 } }, .count = 2 } },
};

Test(conn_script, any_pieces_of_bulk_are_the_same_to_it)
{
    open_scene(&bulk_scene);
    for (size_t row = 0; row < COUNT(bulk_patiences); row++)
        for (unsigned legs = 1; legs < 1 << LEGS; legs++)
            expect_patience(&bulk_patiences[row], &bulk_scene, legs);
    cr_expect_geq(stage.relay.pipes.open, 1, "it was not spliced");
    stage_close(&stage);
}

/* One deed, at each of all calls of a kind on a leg, one after the other. */
static const struct {
    const char *name;
    enum kind kind;
    struct step step;
} deeds[] = {
    { "one byte comes", INPUT, { GIVES, 1 } },
    { "a header comes", INPUT, { GIVES, 5 } },
    { "nothing comes", INPUT, { BLOCKS, 0 } },
    { "a FIN comes", INPUT, { ENDS, 0 } },
    { "a reset comes", INPUT, { RESETS, 0 } },
    { "one byte goes", OUTPUT, { GIVES, 1 } },
    { "nothing goes", OUTPUT, { BLOCKS, 0 } },
    { "a reset is met", OUTPUT, { RESETS, 0 } },
};

/* A FIN ends a plain leg well, and TLS that has not begun.  TLS that is spoken
 * ends well, and by a reset too, where nothing can have been cut off: how that
 * is told is shown elsewhere (tests/system/test_no_close_notify.py). */
static bool
is_good_end(const struct scene *scene, enum leg leg, enum deed deed, size_t at)
{
    bool tls = (leg == SERVER ? scene->spec.server : scene->spec.client) != 0;

    if (tls && ended_well() && stage_end_says(&stage, "without close_notify"))
        return true;
    return deed == ENDS && (!tls || (leg == CLIENT && at == 0));
}

/* False: there are no more calls. */
static bool
try_deed(const struct scene *scene, size_t row, enum leg leg, size_t at)
{
    enum kind kind = deeds[row].kind;
    enum deed deed = deeds[row].step.deed;
    struct script with = { .ended = { false } };
    bool well, fired;

    with.tracks[leg][kind] = (struct track){
        .steps = { deeds[row].step }, .count = 1, .once = true, .at = at };
    play_scene(scene, &with);
    well = ended_well();
    fired = script.calls[leg][kind] > at;
    if (!fired || (deed != ENDS && deed != RESETS))
        cr_expect(well && is_whole(scene), "%s, leg %d, call %zu: %s",
            deeds[row].name, leg, at, stage_reason(&stage));
    else
        cr_expect_eq(well, is_good_end(scene, leg, deed, at),
            "%s, leg %d, call %zu: %s", deeds[row].name, leg, at,
            stage_reason(&stage));
    stage_end(&stage);
    return fired;
}

static void
try_deeds(const struct scene *scene, size_t calls_least)
{
    size_t before;

    open_scene(scene);
    before = descriptors_count();
    for (size_t row = 0; row < COUNT(deeds); row++)
        for (enum leg leg = 0; leg < LEGS; leg++) {
            size_t at = 0;

            while (at < CALLS_MOST && try_deed(scene, row, leg, at))
                at++;
            cr_expect_lt(at, CALLS_MOST);
            cr_expect_geq(at, calls_least, "%s, leg %d: %zu calls",
                deeds[row].name, leg, at);
        }
    pipe_pool_clear(&stage.relay.pipes);
    cr_expect_eq(descriptors_count(), before);
    stage_close(&stage);
}

Test(conn_script, minds_every_step)
{
    for (size_t i = 0; i < COUNT(scenes); i++)
        try_deeds(&scenes[i], 4);
}

Test(conn_script, minds_every_step_of_bulk)
{
    try_deeds(&bulk_scene, 1);
}

/* A kernel that announces input without end and never gives any, or room and
 * never takes any: no CPU is spent on that for long, and the connection ends
 * under a reason of its own.  Promise 44. */
static const struct {
    const char *name;
    enum kind kind;
} fruitless[] = {
    { "input", INPUT },
    { "room", OUTPUT },
};

enum { WAKES_MOST = 500 };

Test(conn_script, readiness_that_moves_nothing_ends_it)
{
    for (size_t i = 0; i < COUNT(fruitless); i++) {
        struct script with = { .ended = { false } };

        with.tracks[SERVER][fruitless[i].kind] = (struct track){
            .steps = { { BLOCKS, 0 } }, .count = 1 };
        open_scene(&plain_scene);
        play_scene(&plain_scene, &with);
        cr_expect_str_eq(stage_reason(&stage), "no-progress", "%s: %s",
            fruitless[i].name, stage_reason(&stage));
        cr_expect_leq(script.calls[SERVER][fruitless[i].kind], WAKES_MOST,
            "%s: %zu calls", fruitless[i].name,
            script.calls[SERVER][fruitless[i].kind]);
        stage_end(&stage);
        stage_close(&stage);
    }
}
