/* Names of more than one address, in a network of the test's own. */
#include <netinet/in.h>
#include <sys/socket.h>

#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "dial.h"
#include "own_net.h"
#include "wire.h"

static struct dial dial;

static void
set_up(void)
{
    if (!own_net_enter("127.0.0.1 localhost\n"
                       "::1 two.test\n127.0.0.1 two.test\n"
                       "127.0.0.2 half.test\n127.0.0.1 half.test\n"
                       "192.0.2.1 away.test\n",
            "nameserver 127.0.0.1\n"))
        cr_skip_test("it takes rights to have a network of one's own");
    dial_open(&dial);
}

static void
tear_down(void)
{
    dial_close(&dial);
}

TestSuite(connector_names, .init = set_up, .fini = tear_down, .timeout = 30);

/* The name's server listens at one of its two addresses only. */
Test(connector_names, tries_every_address_of_a_name)
{
    uint16_t v6_port;
    int v6 = wire_listen(true, 1, &v6_port);

    dial_add(&dial, "two.test", dial.port);
    dial_run(&dial);
    dial_expect(&dial, 0);
    dial.endpoints[0].port = v6_port;
    dial_run(&dial);
    dial_expect(&dial, 0);
    close(v6);
}

static const struct {
    const char *host;
    enum connector_result want;
} fates[] = {
    { "away.test", CONNECTOR_UNREACHABLE }, /* this network has no way out */
    { "192.0.2.1", CONNECTOR_UNREACHABLE },
    { "unknown.test", CONNECTOR_UNRESOLVED }, /* no DNS server answers */
    { "two.test", CONNECTOR_REFUSED },
};

Test(connector_names, tells_failures_apart)
{
    for (size_t i = 0; i < COUNT(fates); i++) {
        dial.service.connect.count = 0;
        dial_add(&dial, fates[i].host, wire_free_port());
        dial_run(&dial);
        cr_expect_eq(dial.result, fates[i].want, "%s: %d", fates[i].host,
            dial.result);
        dial_add(&dial, "127.0.0.1", dial.port); /* ... it goes on to this */
        dial_run(&dial);
        dial_expect(&dial, 1);
    }
}

/* One of two addresses swallows what is sent to it: the time that an endpoint
 * has is for both. */
Test(connector_names, a_silent_address_leaves_time_for_the_other)
{
    struct sockaddr_in silent = { .sin_family = AF_INET,
        .sin_port = htons(dial.port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1) };
    struct sockaddr *address = (struct sockaddr *)&silent;
    int full = socket(AF_INET, SOCK_STREAM, 0), fds[4];

    cr_assert_eq(bind(full, address, sizeof(silent)), 0);
    cr_assert_eq(listen(full, 0), 0);
    for (size_t i = 0; i < COUNT(fds); i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fds[i], address, sizeof(silent));
    }
    wire_sleep_ms(5);
    dial_add(&dial, "half.test", dial.port);
    dial_run(&dial);
    dial_expect(&dial, 0);
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
    close(full);
}
