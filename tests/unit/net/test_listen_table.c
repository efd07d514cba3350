#include "net/listen_table.h"

#include <sys/socket.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/address.h"
#include "base/descriptors.h"
#include "base/error.h"
#include "base/scratch.h"
#include "config/config.h"
#include "config/loading.h"
#include "net/loop.h"
#include "net/names_check.h"
#include "net/own_net.h"
#include "net/resolver_dns.h"
#include "net/wire.h"

static bool
is_of_service(const struct listen_socket *held, const void *service)
{
    return held->now.service == *(const uint32_t *)service;
}

static bool
close_service(struct listen_table *sockets, uint32_t service)
{
    return listen_table_close_those(sockets, is_of_service, &service);
}

enum { WORKERS = 3, TEXT_SIZE = 2000 };

static struct listen_table sockets;
static struct error error;
static uint16_t web, mail;
static char path[100];

static void
set_up(void)
{
    web = wire_free_port();
    do
        mail = wire_free_port();
    while (mail == web);
    snprintf(path, sizeof(path), "%s", scratch_path("socket"));
}

static void
tear_down(void)
{
    listen_table_free(&sockets, false);
    error_clear(&error);
    scratch_remove();
}

TestSuite(sockets, .init = set_up, .fini = tear_down, .timeout = 30);

static char *
read_hosts(void)
{
    char *hosts = scratch_read("/etc/hosts");

    cr_assert_not_null(hosts);
    return hosts;
}

/* As the trial does it, with what /etc/hosts says; there is no DNS. */
static bool
bind_config(const struct config *config, unsigned workers)
{
    struct loop *loop = loop_new();
    struct resolver_dns *dns = resolver_dns_new(loop, &error);
    char *hosts = read_hosts();
    struct listen_table_facts facts = { .count = workers };
    struct names_check *names;
    bool ok;

    cr_assert_not_null(dns);
    cr_assert(resolver_dns_set_files(dns,
        &(struct resolver_files){ .hosts = hosts,
            .hosts_length = strlen(hosts) }));
    names = names_check_new(loop, resolver_dns_resolver(dns), config);
    cr_assert_not_null(names);
    facts.names = names;
    ok = listen_table_bind(&sockets, config, &facts, &error);
    names_check_free(names);
    resolver_dns_free(dns);
    loop_free(loop);
    free(hosts);
    return ok;
}

/* Services that listen there, in that order; their names are a, b, ... */
static bool
bind_list(const char *const *listen, size_t count, unsigned workers)
{
    char text[TEXT_SIZE] = "";
    struct config *config;
    size_t length = 0;
    bool ok;

    for (size_t i = 0; i < count; i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length,
            "[service %c]\n%s\nconnect = 127.0.0.1:9\n", (char)('a' + i),
            listen[i]);
    config = loading_good(text);
    ok = bind_config(config, workers);
    config_unref(config);
    cr_expect_eq(ok, !error_any(&error));
    for (size_t i = 0; !ok && i < error.count; i++)
        cr_log_info("%s", error.messages[i]);
    return ok;
}

#define BIND(workers, ...) \
    bind_list((const char *const[]){ __VA_ARGS__ }, \
        sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *), \
        (workers))

/* "listen = 127.0.0.1:PORT", valid for four calls. */
static const char *
at(uint16_t port)
{
    static char lines[4][64];
    static size_t next;
    char *line = lines[next++ % COUNT(lines)];

    snprintf(line, sizeof(lines[0]), "listen = 127.0.0.1:%u", port);
    return line;
}

static const char *
at_path(void)
{
    static char line[200];

    snprintf(line, sizeof(line), "listen = unix:%s", path);
    return line;
}

static struct listen_socket *
find(uint16_t port, unsigned index)
{
    char text[64];

    snprintf(text, sizeof(text), "127.0.0.1:%u", port);
    return listen_table_find(&sockets, text, index);
}

static struct listen_socket *
find_path(void)
{
    char text[200];

    snprintf(text, sizeof(text), "unix:%s", path);
    return listen_table_find(&sockets, text, 0);
}

static bool
is_open(uint16_t port)
{
    struct address address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok;

    cr_assert(address_from_numeric(&address, "127.0.0.1", port));
    ok = connect(fd, (struct sockaddr *)&address.storage, address.length) == 0;
    close(fd);
    return ok;
}

Test(sockets, binds_and_settles)
{
    cr_assert(BIND(WORKERS, at(web), at(mail), at_path()));
    cr_assert_eq(sockets.count, 2 * WORKERS + 1);
    for (size_t i = 0; i < sockets.count; i++) {
        cr_expect(sockets.items[i].wanted);
        cr_expect_not(sockets.items[i].serves);
    }
    listen_table_commit(&sockets);
    for (size_t i = 0; i < sockets.count; i++) {
        cr_expect_not(sockets.items[i].wanted);
        cr_expect(sockets.items[i].serves);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        cr_expect_eq(find(web, i)->now.service, 0);
        cr_expect_eq(find(mail, i)->now.service, 1);
    }
    cr_expect_eq(find_path()->now.service, 2);
    cr_expect_null(find(web, WORKERS));
    cr_expect(is_open(web));
}

Test(sockets, have_ids_by_address)
{
    uint64_t first, second;

    cr_assert(BIND(WORKERS, at(web), at(mail), at_path()));
    first = socket_address_id(find(web, 0)->id);
    second = socket_address_id(find(mail, 0)->id);
    cr_expect_neq(first, 0);
    cr_expect_neq(first, second);
    cr_expect_neq(socket_address_id(find_path()->id), first);
    for (unsigned i = 0; i < WORKERS; i++)
        cr_expect_eq(find(web, i)->id, first << SOCKET_INDEX_BITS | i);
    for (size_t i = 0; i < sockets.count; i++)
        for (size_t j = 0; j < i; j++)
            cr_expect_neq(sockets.items[i].id, sockets.items[j].id);
}

Test(sockets, keep_their_ids_for_good)
{
    uint64_t kept, gone;

    cr_assert(BIND(2, at(web), at(mail)));
    listen_table_commit(&sockets);
    kept = find(web, 0)->id;
    gone = find(mail, 0)->id;
    cr_assert(BIND(WORKERS, at(web)));
    listen_table_commit(&sockets);
    cr_expect_eq(find(web, 0)->id, kept);
    cr_expect_eq(find(web, WORKERS - 1)->id, kept + WORKERS - 1);
    cr_expect_null(find(mail, 0));
    cr_assert(BIND(WORKERS, at(mail), at(web)));
    cr_expect_eq(find(web, 0)->id, kept);
    cr_expect_neq(socket_address_id(find(mail, 0)->id),
        socket_address_id(gone), "an id is not given again");
}

Test(sockets, of_an_address_stay_all_with_fewer_workers)
{
    int fds[WORKERS];

    cr_assert(BIND(WORKERS, at(web)));
    listen_table_commit(&sockets);
    for (unsigned i = 0; i < WORKERS; i++)
        fds[i] = find(web, i)->socket.fd;
    cr_assert(BIND(1, at(web)));
    for (unsigned i = 0; i < WORKERS; i++)
        cr_expect(find(web, i)->wanted);
    listen_table_commit(&sockets);
    cr_assert_eq(sockets.count, WORKERS);
    for (unsigned i = 0; i < WORKERS; i++)
        cr_expect_eq(find(web, i)->socket.fd, fds[i]);
    cr_assert(BIND(WORKERS, at(web)));
    cr_expect_eq(sockets.count, WORKERS, "more workers find them again");
}

Test(sockets, change_whom_they_serve_when_they_settle)
{
    char tls[300];
    struct listen_socket *held;

    cr_assert(BIND(1, at(web), at(mail)));
    listen_table_commit(&sockets);
    snprintf(tls, sizeof(tls),
        "listen = tls://127.0.0.1:%u\nlisten.cert = /x", web);
    cr_assert(BIND(1, at(mail), tls));
    held = find(web, 0);
    cr_expect_eq(held->now.service, 0);
    cr_expect_not(held->now.tls);
    cr_expect_eq(held->next.service, 1);
    cr_expect(held->next.tls);
    listen_table_commit(&sockets);
    held = find(web, 0);
    cr_expect_eq(held->now.service, 1);
    cr_expect(held->now.tls);
}

Test(sockets, revert_to_what_is_in_force)
{
    size_t before;

    cr_assert(BIND(1, at(web)));
    listen_table_commit(&sockets);
    before = descriptors_count();
    cr_assert(BIND(WORKERS, at(mail), at_path()));
    cr_expect_eq(descriptors_count(), before + WORKERS + 1);
    cr_expect(is_open(mail));
    listen_table_rollback(&sockets);
    cr_expect_eq(descriptors_count(), before);
    cr_assert_eq(sockets.count, 1);
    cr_expect(find(web, 0)->serves);
    cr_expect_not(find(web, 0)->wanted);
    cr_expect(is_open(web));
    cr_expect_not(is_open(mail));
    cr_expect_lt(access(path, F_OK), 0);
    cr_assert(BIND(1, at(web)), "it goes on");
}

Test(sockets, revert_to_nothing)
{
    cr_assert(BIND(WORKERS, at(web), at_path()));
    listen_table_rollback(&sockets);
    cr_expect_eq(sockets.count, 0);
    cr_expect_lt(access(path, F_OK), 0);
    cr_expect_not(is_open(web));
}

/* Promise 30 */
Test(sockets, of_a_failed_configuration_can_all_be_reverted)
{
    uint16_t taken;
    int other = wire_listen(false, 1, &taken);

    cr_assert(BIND(WORKERS, at(mail)));
    listen_table_commit(&sockets);
    cr_expect_not(BIND(WORKERS, at(web), at(taken), at_path()));
    cr_expect_eq(error.count, 1);
    cr_expect_not_null(strstr(error.messages[0], "[service b] listen: "));
    listen_table_rollback(&sockets);
    cr_expect_eq(sockets.count, WORKERS);
    cr_expect_lt(access(path, F_OK), 0);
    close(other);
}

/* Binds each pair at once, as a start does, and adds one to the other, as a reload
 * does: clients of the single address are its service's, those of others not. */
Test(sockets, of_an_address_go_beside_those_of_any)
{
    static const char *const any_hosts[] = { "*", "0.0.0.0" };

    for (size_t i = 0; i < COUNT(any_hosts); i++) {
        char any[64];

        snprintf(any, sizeof(any), "listen = %s:%u", any_hosts[i], web);
        cr_assert(BIND(WORKERS, any, at(web)));
        cr_expect_eq(find(web, 0)->next.service, 1);
        listen_table_rollback(&sockets);
        cr_assert(BIND(WORKERS, at(web), any));
        listen_table_rollback(&sockets);
        cr_assert(BIND(WORKERS, any));
        listen_table_commit(&sockets);
        cr_assert(BIND(WORKERS, any, at(web)));
        listen_table_commit(&sockets);
        cr_expect_eq(find(web, WORKERS - 1)->now.service, 1);
        cr_expect(is_open(web));
        listen_table_free(&sockets, false);
    }
}

/* Overlapping addresses are no leave to share one with a stranger. */
Test(sockets, do_not_join_a_strangers)
{
    uint16_t taken;
    int stranger = wire_listen(false, 1, &taken), on = 1;
    char any[64];

    cr_assert_eq(setsockopt(stranger, SOL_SOCKET, SO_REUSEPORT, &on,
        sizeof(on)), 0);
    snprintf(any, sizeof(any), "listen = *:%u", taken);
    cr_expect_not(BIND(1, any, at(taken)));
    listen_table_rollback(&sockets);
    error_clear(&error);
    cr_expect_not(BIND(1, at(taken), any));
    listen_table_rollback(&sockets);
    error_clear(&error);
    snprintf(any, sizeof(any), "listen = [::]:%u", taken);
    cr_expect_not(BIND(1, any, at(taken)), "of the other family");
    close(stranger);
}

/* Two names of one address: no configuration can tell before. */
Test(sockets, refuse_an_address_that_another_line_has)
{
    char name[64];

    if (!own_net_enter("127.0.0.1 here localhost\n", ""))
        cr_skip_test("this takes a network and files of its own");
    snprintf(name, sizeof(name), "listen = here:%u", web);
    cr_expect_not(BIND(WORKERS, at(web), name));
    cr_assert_eq(error.count, 1);
    cr_expect_not_null(strstr(error.messages[0], "t.ini:5: [service b] "));
    cr_expect_not_null(strstr(error.messages[0], "another listen line"));
    listen_table_rollback(&sockets);
    error_clear(&error);
    cr_assert(BIND(WORKERS, at(web)));
    listen_table_commit(&sockets);
    cr_expect_not(BIND(WORKERS, name, at(web)), "whichever service serves it now");
    listen_table_rollback(&sockets);
    cr_expect_eq(sockets.count, WORKERS);
}

Test(sockets, of_a_name_are_one_for_each_of_its_addresses)
{
    char name[64];

    if (!own_net_enter("127.0.0.1 here\n127.0.0.2 here there\n"
            "127.0.0.1 localhost here\n", ""))
        cr_skip_test("this takes a network and files of its own");
    snprintf(name, sizeof(name), "listen = here:%u", web);
    cr_assert(BIND(WORKERS, name), "an address that stands there twice");
    listen_table_commit(&sockets);
    cr_expect_eq(sockets.count, 2 * WORKERS);
    cr_assert(BIND(WORKERS, name));
}

Test(sockets, may_give_an_address_up_for_all_and_back)
{
    char any[64];

    snprintf(any, sizeof(any), "listen = *:%u", web);
    cr_assert(BIND(WORKERS, at(web)));
    listen_table_commit(&sockets);
    cr_assert(BIND(WORKERS, any));
    listen_table_commit(&sockets);
    cr_expect_null(find(web, 0));
    cr_expect_eq(sockets.count, 2 * WORKERS);
    cr_assert(BIND(WORKERS, at(web)));
    listen_table_commit(&sockets);
    cr_expect_eq(sockets.count, WORKERS);
    cr_expect(is_open(web));
}

Test(sockets, may_swap_services)
{
    cr_assert(BIND(1, at(web), at(mail), at_path()));
    listen_table_commit(&sockets);
    cr_assert(BIND(1, at_path(), at(web), at(mail)));
    listen_table_commit(&sockets);
    cr_expect_eq(find_path()->now.service, 0);
    cr_expect_eq(find(web, 0)->now.service, 1);
    cr_expect_eq(find(mail, 0)->now.service, 2);
}

Test(sockets, close_with_their_service)
{
    cr_assert(BIND(WORKERS, at(web), at(mail), at_path()));
    listen_table_commit(&sockets);
    cr_expect(close_service(&sockets, 1));
    cr_expect_not(close_service(&sockets, 1), "they are closed");
    cr_expect_not(close_service(&sockets, 3));
    cr_expect_eq(sockets.count, WORKERS + 1);
    cr_expect_not(is_open(mail));
    cr_expect(is_open(web));
    cr_expect(close_service(&sockets, 2));
    cr_expect_lt(access(path, F_OK), 0);
    cr_assert(BIND(WORKERS, at(web), at(mail), at_path()), "a reload opens");
    listen_table_commit(&sockets);
    cr_expect(is_open(mail));
}

/* Another program's file of the same name stays where it is. */
Test(sockets, remove_a_path_only_if_it_is_their_own)
{
    int other;

    cr_assert(BIND(1, at_path()));
    listen_table_commit(&sockets);
    cr_assert_eq(unlink(path), 0);
    other = scratch_listen(path);
    cr_assert(BIND(1, at(web)));
    listen_table_commit(&sockets);
    cr_expect_eq(sockets.count, 1);
    cr_expect_eq(access(path, F_OK), 0);
    close(other);
}

Test(sockets, leave_their_paths_to_a_successor)
{
    size_t before = descriptors_count();

    cr_assert(BIND(WORKERS, at(web), at_path()));
    listen_table_commit(&sockets);
    listen_table_free(&sockets, true);
    cr_expect_eq(access(path, F_OK), 0);
    cr_expect_eq(descriptors_count(), before);
    cr_expect_eq(sockets.count, 0);
    cr_assert(BIND(1, at_path()), "no service serves it");
    listen_table_free(&sockets, false);
    cr_expect_lt(access(path, F_OK), 0);
}

/* Closing would reset clients in the kernel's queue.  Promise 31. */
Test(sockets, keep_who_waits_over_a_reload)
{
    struct address address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), got = -1;

    cr_assert(BIND(WORKERS, at(web)));
    listen_table_commit(&sockets);
    cr_assert(address_from_numeric(&address, "127.0.0.1", web));
    cr_assert_eq(
        connect(fd, (struct sockaddr *)&address.storage, address.length), 0);
    cr_assert(BIND(1, at(mail), at(web)));
    listen_table_commit(&sockets);
    for (unsigned i = 0; i < WORKERS && got < 0; i++)
        got = accept4(find(web, i)->socket.fd, NULL, NULL, SOCK_CLOEXEC);
    cr_expect_geq(got, 0);
    close(got);
    close(fd);
}
