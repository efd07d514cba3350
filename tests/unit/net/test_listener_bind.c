#include "net/listener_bind.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "bound.h"
#include "config/config.h"
#include "wire.h"

static struct bound set;
static struct error error;
static struct leg_config leg = { .backlog = 16 };

static bool
open_inet(const char *host, uint16_t port)
{
    return bound_inet(&set, host, port, &leg, &error);
}

static void
tear_down(void)
{
    bound_close(&set);
    error_clear(&error);
}

static bool
is_at(const char *text, const char *host, uint16_t port)
{
    char want[64];

    snprintf(want, sizeof(want), "%s:%u", host != NULL ? host : "none", port);
    return strcmp(text, want) == 0;
}

TestSuite(listener_bind, .fini = tear_down, .timeout = 30);

Test(listener_bind, names_and_numbers)
{
    static const struct {
        const char *host;
        const char *text; /* NULL: refused */
        const char *or;   /* what /etc/hosts may have first */
    } hosts[] = {
        { "127.0.0.1", "127.0.0.1", NULL },
        { "::1", "[::1]", NULL },
        { "localhost", "127.0.0.1", "[::1]" },
        { "192.0.2.1", NULL, NULL },
        { "no-such-name.invalid", NULL, NULL },
    };

    for (size_t i = 0; i < COUNT(hosts); i++) {
        uint16_t port = wire_free_port();
        const char *got;

        cr_assert_eq(open_inet(hosts[i].host, port), hosts[i].text != NULL);
        cr_assert_eq(error_any(&error), hosts[i].text == NULL);
        if (hosts[i].text != NULL) {
            got = set.sockets[0].text;
            cr_expect(is_at(got, hosts[i].text, port) ||
                    is_at(got, hosts[i].or, port),
                "%s", got);
        } else {
            cr_expect_not_null(strstr(error.messages[0],
                "x.ini:7: [service web] listen: HOST:PORT: "));
        }
        bound_close(&set);
        error_clear(&error);
    }
}

/* RFC 5737 and RFC 3849: addresses that no machine has. */
Test(listener_bind, binds_what_is_not_there_yet_if_told_to)
{
    static const char *const hosts[] = { "192.0.2.1", "2001:db8::1" };

    for (size_t i = 0; i < COUNT(hosts); i++) {
        uint16_t port = wire_free_port();

        leg.freebind = false;
        cr_expect_not(open_inet(hosts[i], port), "%s", hosts[i]);
        cr_assert_eq(error.count, 1);
        cr_expect_not_null(strstr(error.messages[0], "no interface of this "
            "machine has this address: correct it, or write listen.freebind "
            "= yes if it comes later"));
        error_clear(&error);
        leg.freebind = true;
        cr_expect(open_inet(hosts[i], port), "%s", hosts[i]);
        bound_close(&set);
    }
}

Test(listener_bind, says_who_may_have_the_port)
{
    uint16_t port;
    int other = wire_listen(false, 1, &port);

    cr_assert_not(open_inet("127.0.0.1", port));
    cr_assert_eq(error.count, 1);
    cr_expect_not_null(strstr(error.messages[0], "Address already in use"));
    cr_expect_not_null(strstr(error.messages[0], "ss -ltnp"));
    cr_expect_eq(set.count, 0);
    close(other);
}
