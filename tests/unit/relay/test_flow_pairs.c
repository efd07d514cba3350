/* Both flows of a connection together, in every order in which their peers may
 * send, block, end and reset, up to some length: an end or a reset of one peer
 * concerns both.  Promise 3. */
#include <sys/socket.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "net/loop.h"
#include "net/stream.h"
#include "net/wire.h"
#include "net/wraps.h"
#include "relay/flow.h"
#include "relay/pipe_pool.h"
#include "words.h"

/* One letter a step, small for one peer and large for the other; after each
 * both flows run, and no peer reads but in "h".
 *
 *   d  it sends so much that the other one's sink blocks; s  it sends a little
 *   e  it ends (FIN)     r  it resets     h  it reads all
 */
static const char alphabet[] = "dserhDSERH";

enum { LITTLE = 100, MUCH = 40000, FITS = 5000, QUIET = 3, PATIENCE = 5000 };

/* A peer, the stream that it speaks to, and the flow that begins there. */
struct end {
    struct stream stream;
    struct flow flow;
    int far; /* -1: it was reset */
    size_t room; /* how much the stream still takes */
    uint64_t sent, received;
};

/* What must have become of that flow by now. */
struct model {
    enum flow_state state;
    char source;  /* 'o': open, 'e': has ended, 'r': was reset */
    bool waiting; /* bytes were sent that the flow has not looked at */
    bool blocked;
    bool error;   /* on its stream: a write there finds it broken */
};

static struct loop *loop;
static struct pipe_pool pool;
static struct end ends[2];
static struct model models[2];
static bool splices;

TestSuite(flow_pairs, .timeout = 110);

/* The room of a stream whose peer is there; NULL: no such stream. */
static size_t *
room_of(int fd)
{
    for (size_t i = 0; i < COUNT(ends); i++)
        if (ends[i].stream.fd == fd && ends[i].far >= 0)
            return &ends[i].room;
    return NULL;
}

static size_t
fitting(const size_t *room, size_t size)
{
    errno = EAGAIN;
    return room != NULL && *room < size ? *room : size;
}

static ssize_t
count_in(size_t *room, ssize_t n)
{
    if (n > 0 && room != NULL)
        *room -= (size_t)n;
    return n;
}

ssize_t
__wrap_send(int fd, const void *data, size_t size, int flags)
{
    size_t *room = room_of(fd), fits = fitting(room, size);

    return fits > 0 ? count_in(room, __real_send(fd, data, fits, flags)) : -1;
}

ssize_t
__wrap_splice(int in, off64_t *in_at, int out, off64_t *out_at, size_t size,
    unsigned flags)
{
    size_t *room = room_of(out), fits = fitting(room, size);

    return fits > 0
        ? count_in(room, __real_splice(in, in_at, out, out_at, fits, flags))
        : -1;
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
}

static void
open_pair(void)
{
    loop = loop_new();
    for (size_t i = 0; i < COUNT(ends); i++) {
        int fds[2];

        wire_tcp(fds);
        ends[i] = (struct end){ .far = fds[1], .room = SIZE_MAX };
        models[i] = (struct model){ .source = 'o' };
        stream_open(&ends[i].stream, loop, fds[0], on_ready, NULL);
    }
    for (size_t i = 0; i < COUNT(ends); i++)
        flow_start(&ends[i].flow, &ends[i].stream, &ends[1 - i].stream,
            splices ? &pool : NULL, false);
}

static void
close_pair(void)
{
    for (size_t i = 0; i < COUNT(ends); i++)
        flow_stop(&ends[i].flow);
    for (size_t i = 0; i < COUNT(ends); i++) {
        stream_free(&ends[i].stream);
        if (ends[i].far >= 0)
            close(ends[i].far);
    }
    pipe_pool_clear(&pool);
    cr_expect_eq(pool.open, 0, "no pipe is lost");
    loop_free(loop);
}

static void
run_flow(struct flow *flow)
{
    do
        flow->splicing = splices;
    while (flow_run(flow) == FLOW_WAITS_TURN);
}

/* Twice, for what the second finds out may concern the first. */
static void
run_flows(void)
{
    for (int i = 0; i < 4; i++)
        run_flow(&ends[i % 2].flow);
}

static void
foresee_source(struct model *model)
{
    if (model->source == 'o')
        return;
    /* A write that met the reset has found it out before. */
    model->state = model->source == 'e' && !model->error ? FLOW_ENDED
                                                          : FLOW_CUT;
    model->error |= model->source == 'r';
}

static void
foresee_flow(size_t from)
{
    struct model *model = &models[from], *back = &models[1 - from];
    bool gone = back->source == 'r' || ends[1 - from].far < 0;
    bool writes = model->blocked || (model->state == FLOW_OPEN &&
        model->waiting && !back->error);

    if (back->error || (writes && gone)) {
        model->state = FLOW_BROKEN;
        model->blocked = false;
        back->error = true;
        return;
    }
    if (model->state != FLOW_OPEN || model->blocked)
        return;
    model->blocked = model->waiting && ends[1 - from].room <= FITS;
    model->waiting = false;
    if (!model->blocked)
        foresee_source(model);
}

static void
foresee_flows(void)
{
    for (int i = 0; i < 4; i++)
        foresee_flow((size_t)i % 2);
}

static void
say(size_t from, size_t size)
{
    static uint8_t data[MUCH];
    struct end *end = &ends[from];
    ssize_t n;

    wire_fill(data, end->sent, size);
    n = send(end->far, data, size, MSG_NOSIGNAL);
    cr_assert(n > (size > LITTLE ? FITS : 0) || models[from].waiting ||
        models[from].blocked, "there must be room");
    end->sent += n > 0 ? (uint64_t)n : 0;
    models[from].waiting = true;
    wire_await(end->stream.fd, POLLIN);
}

static size_t
receive_all(size_t at)
{
    static uint8_t data[4 * MUCH];
    size_t got = wire_receive(ends[at].far, data, sizeof(data));

    cr_expect(wire_matches(data, ends[at].received, got));
    ends[at].received += got;
    return got;
}

/* What a peer has sent and the relay's kernel does not have. */
static bool
is_on_its_way(const struct end *end)
{
    return end->far >= 0 && wire_unsent(end->far) > 0 &&
        end->flow.state == FLOW_OPEN;
}

/* Until all that can come is here. */
static void
on_all(size_t at)
{
    const struct end *source = &ends[1 - at];
    const struct stream *sink = &ends[at].stream;
    uint64_t before = source->flow.bytes;

    ends[at].room = SIZE_MAX;
    models[1 - at].blocked = false;
    for (int quiet = 0, i = 0; quiet < QUIET && i < PATIENCE; i++) {
        run_flow(&ends[1 - at].flow);
        quiet = receive_all(at) > 0 || source->flow.bytes > before ||
                stream_unsent(sink) > 0 || is_on_its_way(source)
            ? 0
            : quiet + 1;
        before = source->flow.bytes;
        wire_sleep_ms(1);
    }
}

static void
end_by_fin(size_t from)
{
    const struct model *model = &models[from];

    shutdown(ends[from].far, SHUT_WR);
    models[from].source = 'e';
    if (!model->blocked && model->state == FLOW_OPEN)
        wire_await(ends[from].stream.fd, POLLRDHUP);
}

static void
end_by_reset(size_t from)
{
    wire_reset(ends[from].far);
    ends[from].far = -1;
    if (models[from].source == 'o')
        models[from].source = 'r';
    wire_await(ends[from].stream.fd, 0); /* POLLHUP */
}

static void
take_step(char step)
{
    size_t who = isupper((unsigned char)step) != 0;

    switch (tolower((unsigned char)step)) {
    case 'd':
        if (ends[1 - who].room > FITS)
            ends[1 - who].room = FITS;
        say(who, MUCH);
        break;
    case 's':
        say(who, LITTLE);
        break;
    case 'e':
        end_by_fin(who);
        break;
    case 'r':
        end_by_reset(who);
        break;
    default:
        on_all(who);
    }
}

/* A peer that has ended says no more, and one that is gone does nothing. */
static bool
is_possible(const char *word)
{
    for (size_t i = 0; word[i] != '\0'; i++) {
        char step = (char)tolower((unsigned char)word[i]);
        bool large = isupper((unsigned char)word[i]) != 0;

        for (size_t j = 0; j < i; j++) {
            char before = (char)tolower((unsigned char)word[j]);

            if (large != (isupper((unsigned char)word[j]) != 0))
                continue;
            if (before == 'r' ||
                (before == 'e' && strchr("dse", step) != NULL))
                return false;
        }
    }
    return true;
}

/* A FIN whose peer reset then, before the flow had looked, may be lost to that;
 * then it is a reset that the flow finds. */
static bool
lost_its_fin(size_t i)
{
    return models[i].source == 'e' && models[i].state == FLOW_ENDED &&
        ends[i].far < 0 && ends[i].flow.state == FLOW_CUT;
}

static bool
is_as_foreseen(size_t i)
{
    enum flow_state state = ends[i].flow.state;

    return state == models[i].state || lost_its_fin(i) ||
        (lost_its_fin(1 - i) && state == FLOW_BROKEN);
}

static void
expect_states(const char *word, size_t at)
{
    for (size_t i = 0; i < COUNT(ends); i++)
        cr_expect(is_as_foreseen(i),
            "%s, %s, step %zu: flow %zu is %d, not %d", word,
            splices ? "splice" : "copy", at, i, ends[i].flow.state,
            models[i].state);
}

/* What a peer that is there has heard, and of which end. */
static void
expect_heard(const char *word, size_t at)
{
    const struct end *source = &ends[1 - at];
    bool whole =
        source->flow.state == FLOW_OPEN || source->flow.state == FLOW_ENDED;

    if (ends[at].far < 0)
        return;
    cr_expect_eq(ends[at].received, source->flow.bytes, "%s, to %zu", word,
        at);
    cr_expect(!whole || ends[at].received == source->sent, "%s, to %zu", word,
        at);
    cr_expect_eq(wire_end(ends[at].far),
        source->flow.state == FLOW_ENDED ? WIRE_FIN : WIRE_OPEN, "%s, to %zu",
        word, at);
}

static void
run_word(const char *word)
{
    size_t length = strlen(word);

    open_pair();
    for (size_t i = 0; i < length; i++) {
        take_step(word[i]);
        run_flows();
        foresee_flows();
        expect_states(word, i);
    }
    for (size_t i = 0; i < COUNT(ends); i++)
        if (ends[i].far >= 0)
            on_all(i);
    run_flows();
    foresee_flows();
    expect_states(word, length);
    for (size_t i = 0; i < COUNT(ends); i++)
        expect_heard(word, i);
    close_pair();
}

static void
run_all(bool splicing)
{
    static const struct words words = { alphabet, 3, is_possible, run_word };

    signal(SIGPIPE, SIG_IGN);
    splices = splicing;
    cr_expect_gt(words_run(&words), 700);
}

Test(flow_pairs, end_as_they_must_copying)
{
    run_all(false);
}

Test(flow_pairs, end_as_they_must_splicing)
{
    run_all(true);
}
