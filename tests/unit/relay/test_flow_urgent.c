/* TCP's urgent data (MSG_OOB, tcp(7)) is data like any other: nothing of it or
 * behind it is lost, in either way of moving bytes.  Promise 44. */
#include <sys/socket.h>

#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "duct.h"
#include "net/socket_options.h"
#include "net/wire.h"

enum { BULK = 600000, RUNS_MOST = 50 };

static struct duct duct;

TestSuite(flow_urgent, .timeout = 60);

/* One letter a step; the flow runs where the script says so.
 *
 *   b  much is sent    s  a little is sent    u  one byte is sent as urgent
 *   e  the source ends (FIN)                  f  the flow runs, all is read */
static const char *const scripts[] = {
    "uf", "ue", "usf", "use", "sufsfe", "suse", "bfuf", "bfusf", "bfuse",
    "buse", "bubufe", "bfuufe", "bfufufbufe", "bfususe",
};

static void
send_urgent(void)
{
    uint8_t byte = wire_byte(duct.sent++);

    cr_assert_eq(send(duct.in, &byte, 1, MSG_OOB | MSG_NOSIGNAL), 1);
}

/* All that fits: the flow has room made for the rest. */
static void
send_bulk(void)
{
    for (size_t sent = 0; sent < BULK;) {
        sent += duct_send(&duct, BULK - sent);
        duct_run(&duct);
        duct_receive(&duct);
    }
}

/* What is ready is announced again and again, so another run may find more; but
 * each one finds something, or there is nothing. */
static void
run_all(bool ended)
{
    enum flow_wait wait;
    int runs = 0;

    do
        wait = duct_finish(&duct);
    while (++runs < RUNS_MOST && (duct.received < duct.sent ||
        (ended && wait == FLOW_WAITS_INPUT)));
}

static void
take_step(char step)
{
    switch (step) {
    case 'b':
        send_bulk();
        break;
    case 's':
        duct_send(&duct, 100);
        break;
    case 'u':
        send_urgent();
        break;
    case 'e':
        shutdown(duct.in, SHUT_WR);
        break;
    default:
        run_all(false);
    }
}

static void
run_script(const char *script, enum duct_mode mode, void (*make)(int fds[2]))
{
    bool ends = strchr(script, 'e') != NULL;

    duct_open(&duct, mode, make, false);
    cr_assert(socket_takes_urgent_in_line(duct.from.fd));
    for (const char *step = script; *step != '\0'; step++)
        take_step(*step);
    run_all(ends);
    cr_expect_eq(duct.received, duct.sent, "%s, %s: %d of %d", script,
        duct_modes[mode], (int)duct.received, (int)duct.sent);
    cr_expect_not(duct.corrupt, "%s, %s", script, duct_modes[mode]);
    cr_expect_eq(duct.flow.state, ends ? FLOW_ENDED : FLOW_OPEN, "%s, %s",
        script, duct_modes[mode]);
    cr_expect_eq(wire_end(duct.out), ends ? WIRE_FIN : WIRE_OPEN, "%s, %s",
        script, duct_modes[mode]);
    duct_close(&duct);
}

Test(flow_urgent, is_data_like_any_other_over_tcp)
{
    for (int mode = 0; mode < DUCT_MODES; mode++)
        for (size_t i = 0; i < COUNT(scripts); i++)
            run_script(scripts[i], mode, wire_tcp);
}

static bool
unix_sockets_know_it(void)
{
    int fds[2];
    bool known;

    wire_unix(fds);
    known = send(fds[0], "x", 1, MSG_OOB) == 1;
    close(fds[0]);
    close(fds[1]);
    return known;
}

Test(flow_urgent, is_data_like_any_other_over_unix_sockets)
{
    if (!unix_sockets_know_it())
        cr_skip_test("this kernel's unix sockets know no urgent data");
    for (int mode = 0; mode < DUCT_MODES; mode++)
        for (size_t i = 0; i < COUNT(scripts); i++)
            run_script(scripts[i], mode, wire_unix);
}
