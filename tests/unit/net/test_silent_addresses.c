#include "net/silent_addresses.h"

#include <stdio.h>

#include <criterion/criterion.h>

static struct silent_addresses silent;

static struct address
address_of(const char *host, unsigned port)
{
    struct address address;

    cr_assert(address_from_numeric(&address, host, port));
    return address;
}

static bool
avoids(const char *host, unsigned port, uint64_t now_ms)
{
    struct address address = address_of(host, port);

    return silent_addresses_avoid(&silent, &address, now_ms);
}

static void
add(const char *host, unsigned port, uint64_t now_ms)
{
    struct address address = address_of(host, port);

    silent_addresses_add(&silent, &address, now_ms);
}

/* One client waits for a dead server, and not each of them; nor do all of them
 * when the time is over. */
Test(silent_addresses, lets_one_try_when_the_time_is_over)
{
    cr_expect_not(avoids("192.0.2.1", 80, 1));
    add("192.0.2.1", 80, 1000);
    cr_expect(avoids("192.0.2.1", 80, 1000));
    cr_expect(avoids("192.0.2.1", 80, 1000 + SILENT_MS - 1));
    cr_expect_not(avoids("192.0.2.1", 80, 1000 + SILENT_MS));
    cr_expect(avoids("192.0.2.1", 80, 1000 + SILENT_MS));
    cr_expect_not(avoids("192.0.2.1", 80, 1000 + SILENT_MS + SILENT_PROBE_MS));
}

Test(silent_addresses, tells_addresses_and_ports_apart)
{
    add("192.0.2.1", 80, 0);
    add("fe80::1%1", 80, 0);
    cr_expect(avoids("fe80::1%1", 80, 1));
    cr_expect_not(avoids("fe80::1%2", 80, 1));
    cr_expect_not(avoids("192.0.2.1", 81, 1));
    cr_expect_not(avoids("192.0.2.2", 80, 1));
}

Test(silent_addresses, forgets_one_that_answers)
{
    struct address address = address_of("192.0.2.1", 80);

    add("192.0.2.1", 80, 0);
    add("192.0.2.2", 80, 0);
    silent_addresses_remove(&silent, &address);
    silent_addresses_remove(&silent, &address);
    cr_expect_not(avoids("192.0.2.1", 80, 1));
    cr_expect(avoids("192.0.2.2", 80, 1));
    cr_expect_eq(silent.count, 1);
}

/* However many are silent, memory stays what it is. */
Test(silent_addresses, drops_the_oldest_when_full)
{
    char host[20];

    for (unsigned i = 0; i < SILENT_ADDRESSES_MOST + 10; i++) {
        snprintf(host, sizeof(host), "192.0.2.%u", i);
        add(host, 80, i);
    }
    cr_expect_eq(silent.count, SILENT_ADDRESSES_MOST);
    cr_expect_not(avoids("192.0.2.9", 80, 100));
    cr_expect(avoids("192.0.2.10", 80, 100));
    cr_expect(avoids(host, 80, 100));
}

Test(silent_addresses, leaves_unix_sockets_out)
{
    struct address address;

    cr_assert(address_from_path(&address, "/run/x"));
    silent_addresses_add(&silent, &address, 0);
    cr_expect_not(silent_addresses_avoid(&silent, &address, 1));
}
