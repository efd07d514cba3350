/* Every order in which a flow's source and sink may send, block, end and reset,
 * up to some length, against a small model of what must come of it.
 * Promises 1 and 3. */
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <string.h>

#include <criterion/criterion.h>

#include "duct.h"
#include "net/wire.h"
#include "net/wraps.h"
#include "words.h"

/* One letter a step, as in test_flow_ends.c; after each the flow runs, and
 * no peer reads but in "R".
 *
 *   d  the source sends so much that the sink blocks; s  it sends a little
 *   e  the source ends (FIN)     r  the source resets
 *   x  the sink resets           c  the flow is cut
 *   R  the far end reads all
 */
static const char alphabet[] = "dserxcR";

enum { LITTLE = 100, MUCH = 40000, FITS = 5000 };

static enum duct_mode mode;
static struct duct duct;

/* How much the sink still takes: a kernel's own limits would depend on what has
 * been acknowledged by now. */
static size_t room;

/* False: nothing fits. */
static bool
fit(int fd, size_t *size)
{
    bool limited = fd == duct.to.fd && duct.out >= 0;

    if (limited && *size > room)
        *size = room;
    errno = EAGAIN;
    return !limited || *size > 0;
}

static ssize_t
count_in(int fd, ssize_t n)
{
    if (n > 0 && fd == duct.to.fd && duct.out >= 0)
        room -= (size_t)n;
    return n;
}

ssize_t
__wrap_send(int fd, const void *data, size_t size, int flags)
{
    return fit(fd, &size) ? count_in(fd, __real_send(fd, data, size, flags))
                          : -1;
}

ssize_t
__wrap_splice(int in, off64_t *in_at, int out, off64_t *out_at, size_t size,
    unsigned flags)
{
    return fit(out, &size)
        ? count_in(out, __real_splice(in, in_at, out, out_at, size, flags))
        : -1;
}

/* What must be so by now. */
struct model {
    enum flow_state state;
    enum stream_status cause; /* of FLOW_CUT */
    char source;   /* 'o': open, 'e': has ended, 'r': was reset */
    bool gone;     /* the sink was reset */
    bool blocked;  /* the sink takes no more, and has not taken all */
    bool unsure;   /* a FIN may have been lost to a reset behind it */
    uint64_t lost; /* to a reset, at most */
};

TestSuite(flow_words, .timeout = 110);

/* What it does not need room for, it sees at once. */
static void
notice(struct model *model)
{
    if (model->state != FLOW_OPEN || model->blocked || model->source == 'o')
        return;
    model->state = model->source == 'e' ? FLOW_ENDED : FLOW_CUT;
    if (model->source == 'r')
        model->cause = STREAM_RESET;
}

static void
expect_bytes(struct model *model, bool many)
{
    if (model->state != FLOW_OPEN)
        return;
    if (model->gone)
        model->state = FLOW_BROKEN;
    else if (many)
        model->blocked = true;
}

static void
lose_source(struct model *model, uint64_t lost)
{
    model->lost = lost;
    if (model->source == 'e')
        model->unsure = model->blocked && lost > 0;
    else
        model->source = 'r';
}

static void
lose_sink(struct model *model)
{
    model->gone = true;
    if (model->blocked)
        model->state = FLOW_BROKEN;
    model->blocked = false;
}

/* `lost`: what the source had sent and its kernel still had. */
static void
foresee(struct model *model, char step, uint64_t lost)
{
    switch (step) {
    case 'd':
    case 's':
        expect_bytes(model, step == 'd');
        break;
    case 'e':
        model->source = 'e';
        break;
    case 'r':
        lose_source(model, lost);
        break;
    case 'x':
        lose_sink(model);
        break;
    case 'c':
        if (model->state == FLOW_OPEN)
            model->state = FLOW_CUT;
        break;
    default:
        model->blocked = false;
    }
    notice(model);
}

static void
send_step(bool many, bool blocked)
{
    if (many && !blocked)
        room = FITS;
    duct_send(&duct, many ? MUCH : LITTLE);
    wire_await(duct.from.fd, POLLIN);
    while (many && duct_run(&duct) == FLOW_WAITS_INPUT)
        wire_await(duct.from.fd, POLLIN);
}

/* What was done has arrived behind it, but a FIN that stands behind bytes for
 * which there is no room. */
static void
take_step(char step, bool blocked)
{
    switch (step) {
    case 'd':
    case 's':
        send_step(step == 'd', blocked);
        break;
    case 'e':
        shutdown(duct.in, SHUT_WR);
        if (!blocked && duct.flow.state == FLOW_OPEN)
            wire_await(duct.from.fd, POLLRDHUP);
        break;
    case 'r':
        duct_reset(&duct.in);
        wire_await(duct.from.fd, 0); /* POLLHUP */
        break;
    case 'x':
        duct_reset(&duct.out);
        wire_await(duct.to.fd, 0);
        break;
    case 'c':
        flow_cut(&duct.flow);
        break;
    default:
        room = SIZE_MAX;
        duct_finish(&duct);
    }
}

/* A source that has ended says no more, nor does one that is gone; a sink that
 * is gone does nothing. */
static bool
is_possible(const char *word)
{
    bool ended = false, reset_source = false, gone = false;

    for (size_t i = 0; word[i] != '\0'; i++) {
        char step = word[i];

        if (strchr("dse", step) != NULL && (ended || reset_source))
            return false;
        if ((step == 'r' && reset_source) ||
            (strchr("xR", step) != NULL && gone))
            return false;
        ended |= step == 'e';
        reset_source |= step == 'r';
        gone |= step == 'x';
    }
    return true;
}

static bool
is_as_foreseen(const struct model *model)
{
    enum flow_state state = duct.flow.state;

    if (model->unsure && model->state == FLOW_ENDED && state == FLOW_CUT)
        return duct.flow.cause == STREAM_RESET;
    return state == model->state &&
        (state != FLOW_CUT || duct.flow.cause == model->cause);
}

static void
expect_state(const struct model *model, const char *word, size_t at)
{
    const char *name = duct_modes[mode];

    cr_expect(is_as_foreseen(model), "%s, %s, step %zu: state %d, not %d",
        word, name, at, duct.flow.state, model->state);
    cr_expect_eq(duct.flow.wait == FLOW_WAITS_OUTPUT, model->blocked,
        "%s, %s, step %zu: waits for %d", word, name, at, duct.flow.wait);
}

/* What was read came out, and nothing of what should have been was not. */
static void
expect_delivery(const struct model *model, const char *word)
{
    const char *name = duct_modes[mode];
    bool whole = duct.flow.state != FLOW_CUT;

    cr_expect_eq(duct.received, duct.flow.bytes, "%s, %s", word, name);
    if (whole)
        cr_expect_eq(duct.received, duct.sent, "%s, %s", word, name);
    else if (model->cause == STREAM_RESET)
        cr_expect_geq(duct.received + model->lost, duct.sent, "%s, %s", word,
            name);
    cr_expect_eq(wire_end(duct.out),
        duct.flow.state == FLOW_ENDED ? WIRE_FIN : WIRE_OPEN, "%s, %s", word,
        name);
    cr_expect(flow_is_drained(&duct.flow), "%s, %s", word, name);
}

static void
run_word(const char *word)
{
    struct model model = { .source = 'o' };

    duct_open(&duct, mode, wire_tcp, false);
    room = SIZE_MAX;
    for (size_t i = 0; word[i] != '\0'; i++) {
        uint64_t lost = 0;

        if (word[i] == 'r') {
            wire_sleep_ms(1);
            lost = wire_unsent(duct.in);
        }

        take_step(word[i], model.blocked);
        duct_run(&duct);
        foresee(&model, word[i], lost);
        expect_state(&model, word, i);
    }
    if (duct.out >= 0) {
        take_step('R', model.blocked);
        foresee(&model, 'R', 0);
        expect_state(&model, word, strlen(word));
        expect_delivery(&model, word);
    }
    cr_expect_not(duct.corrupt, "%s, %s", word, duct_modes[mode]);
    duct_close(&duct);
}

static void
run_all(enum duct_mode with)
{
    static const struct words words = { alphabet, 4, is_possible, run_word };

    mode = with;
    cr_expect_gt(words_run(&words), 1000);
}

Test(flow_words, end_as_they_must_copying)
{
    run_all(DUCT_COPIES);
}

Test(flow_words, end_as_they_must_splicing)
{
    run_all(DUCT_SPLICES);
}
