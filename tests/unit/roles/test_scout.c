#include "roles/scout.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "base/log.h"
#include "base/scratch.h"
#include "files/files.h"
#include "ipc/channel.h"
#include "ipc/message.h"
#include "net/loop.h"
#include "net/own_net.h"
#include "net/resolver.h"
#include "net/wire.h"
#include "roles/scout_client.h"

enum { WORKERS = 2, PATIENCE_MS = 10000 };

/* A scout, whose master and workers are this process. */
static struct loop *loop;
static pid_t scout;
static struct channel *master;
static bool ready, ended;
static struct scout_client *clients[WORKERS];
static struct own_net_dns dns;
static int dns_fd;

struct lookup {
    struct resolver_query *query;
    enum resolver_result result;
    uint32_t first; /* host byte order */
    int calls;
};

static void
on_message(void *arg, const struct message *message, const int *fds)
{
    (void)arg;
    (void)fds;
    ready = ready || message->type == MESSAGE_READY;
}

static channel_message_fn *const handlers[] = {
    [0 ... MESSAGE_TYPE_COUNT - 1] = on_message,
};

static void
on_ended(void *arg, const char *why)
{
    (void)arg;
    (void)why;
    ended = true;
}

static bool
is_true(void *arg)
{
    own_net_dns_serve(dns_fd, &dns);
    return *(bool *)arg;
}

static bool
is_answered(void *arg)
{
    own_net_dns_serve(dns_fd, &dns);
    return ((struct lookup *)arg)->calls > 0;
}

/* What the master says of /etc/hosts; the name server is this process. */
static void
send_names(const char *hosts)
{
    static const char resolv_conf[] = "nameserver 127.0.0.1\n";
    struct error error = { .count = 0 };
    struct file_content content;
    struct files *files;
    int fd;

    own_net_put(hosts, "/etc/hosts");
    own_net_put(resolv_conf, "/etc/resolv.conf");
    files = files_on_disk();
    cr_assert_not_null(files);
    cr_assert_eq(files_read(files, FILE_FOR_CONFIG, "/etc/hosts", KIB(64),
        &content), FILE_DONE);
    files_release(&content);
    cr_assert_eq(files_read(files, FILE_FOR_CONFIG, "/etc/resolv.conf",
        KIB(64), &content), FILE_DONE);
    files_release(&content);
    fd = files_pack(files, &error);
    cr_assert_geq(fd, 0);
    channel_send(master, MESSAGE_NAMES, NULL, NULL, 0, &fd, 1);
    close(fd);
    files_unref(files);
}

static void
start_scout(void)
{
    struct error error = { .count = 0 };
    int fds[2];

    cr_assert(channel_pair(fds));
    scout = fork();
    if (scout == 0) {
        close(fds[0]);
        close(dns_fd);
        _exit(scout_run(scout_new(&error), fds[1]));
    }
    close(fds[1]);
    ready = ended = false;
    master = channel_new(loop->base, fds[0], ROLE_MASTER, ROLE_SCOUT,
        handlers, on_ended, NULL);
    cr_assert_not_null(master);
    cr_assert(wire_until(loop, is_true, &ready));
    send_names("127.0.0.1 localhost\n192.0.2.7 here.test\n");
}

/* Returns a worker's end of a new way. */
static int
open_way(void)
{
    int fds[2];

    cr_assert(channel_pair(fds));
    channel_send(master, MESSAGE_SCOUT, NULL, NULL, 0, &fds[1], 1);
    close(fds[1]);
    return fds[0];
}

static void
on_lost(void *arg)
{
    (void)arg;
}

static void
set_up(void)
{
    if (!own_net_enter("127.0.0.1 localhost\n192.0.2.7 here.test\n",
            "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"))
        cr_skip_test("it takes rights to have a network of one's own");
    dns_fd = own_net_dns_open(INADDR_LOOPBACK);
    dns = (struct own_net_dns){ .address = 0xc0000201, .ttl_s = 60 };
    scratch_log_open(LOG_LEVEL_DEBUG);
    loop = loop_new();
    start_scout();
    for (size_t i = 0; i < WORKERS; i++) {
        clients[i] = scout_client_new(loop, on_lost, NULL);
        scout_client_connect(clients[i], open_way());
    }
}

static int
wait_scout(void)
{
    int status = -1;

    cr_assert_eq(waitpid(scout, &status, 0), scout);
    scout = 0;
    return status;
}

static void
tear_down(void)
{
    channel_free(master); /* which ends the scout */
    if (scout > 0)
        cr_expect_eq(wait_scout(), 0);
    for (size_t i = 0; i < WORKERS; i++)
        scout_client_free(clients[i]);
    loop_free(loop);
    close(dns_fd);
    log_close();
    scratch_remove();
}

TestSuite(scout, .init = set_up, .fini = tear_down, .timeout = 60);

static void
on_done(void *arg, enum resolver_result result,
    const struct address *addresses, size_t count)
{
    struct lookup *lookup = arg;

    lookup->calls++;
    lookup->result = result;
    lookup->first = count > 0
        ? ntohl(((const struct sockaddr_in *)&addresses[0].storage)
                    ->sin_addr.s_addr)
        : 0;
}

static void
begin(size_t worker, struct lookup *lookup, const char *host)
{
    *lookup = (struct lookup){ .calls = 0 };
    resolver_start(scout_client_resolver(clients[worker]), host, on_done,
        lookup, &lookup->query);
}

static void
expect(size_t worker, const char *host, enum resolver_result result,
    uint32_t first)
{
    struct lookup lookup;

    begin(worker, &lookup, host);
    cr_assert(wire_until(loop, is_answered, &lookup), "%s", host);
    cr_expect_eq(lookup.result, result, "%s: %d", host, lookup.result);
    cr_expect_eq(lookup.first, first, "%s: %x", host, lookup.first);
}

Test(scout, asks_once_for_all_workers)
{
    struct lookup lookups[WORKERS];

    for (size_t i = 0; i < WORKERS; i++)
        begin(i, &lookups[i], "a.test");
    for (size_t i = 0; i < WORKERS; i++) {
        cr_expect(wire_until(loop, is_answered, &lookups[i]));
        cr_expect_eq(lookups[i].first, 0xc0000201);
    }
    cr_expect_eq(dns.asked, 1);
    expect(0, "here.test", RESOLVER_FOUND, 0xc0000207);
    dns.mood = DNS_UNKNOWN;
    expect(0, "b.test", RESOLVER_UNKNOWN, 0);
    dns.mood = DNS_FAILS;
    expect(1, "c.test", RESOLVER_FAILED, 0);
}

/* The second worker, which has never asked before, neither. */
Test(scout, tells_no_worker_an_old_answer_while_there_is_a_new_one)
{
    dns.ttl_s = 1;
    expect(0, "a.test", RESOLVER_FOUND, 0xc0000201);
    wire_sleep_ms(1100);
    dns.address++;
    for (size_t i = 0; i < WORKERS; i++)
        expect(i, "a.test", RESOLVER_FOUND, 0xc0000202);
}

/* Promise 38 */
Test(scout, serves_the_last_good_answer_to_a_new_worker)
{
    dns.ttl_s = 1;
    expect(0, "a.test", RESOLVER_FOUND, 0xc0000201);
    dns.mood = DNS_IS_DEAD;
    wire_sleep_ms(1100);
    expect(1, "a.test", RESOLVER_FOUND, 0xc0000201);
}

/* A worker that has the answer from before keeps it for a second at the most:
 * both are told of what the DNS said last, although it says nothing now.
 * Promise 50. */
Test(scout, no_worker_goes_back_to_an_older_answer)
{
    dns.ttl_s = 1;
    expect(0, "a.test", RESOLVER_FOUND, 0xc0000201);
    wire_sleep_ms(1100);
    dns.address++;
    expect(1, "a.test", RESOLVER_FOUND, 0xc0000202);
    dns.mood = DNS_IS_DEAD;
    wire_sleep_ms(1100);
    for (size_t i = 0; i < WORKERS; i++)
        expect(i, "a.test", RESOLVER_FOUND, 0xc0000202);
}

/* What the master sends counts at once, long before the answer ends. */
Test(scout, takes_over_what_the_files_say_now)
{
    expect(0, "a.test", RESOLVER_FOUND, 0xc0000201);
    expect(0, "here.test", RESOLVER_FOUND, 0xc0000207);
    send_names("192.0.2.9 here.test\n192.0.2.10 a.test\n");
    expect(1, "here.test", RESOLVER_FOUND, 0xc0000209);
    expect(1, "a.test", RESOLVER_FOUND, 0xc000020a);
}

static void
say(int fd, uint32_t query, const char *host, size_t length)
{
    struct {
        struct message_header header;
        struct message_resolve resolve;
        char host[2048];
    } packet = {
        .header = { MESSAGE_RESOLVE,
            (uint32_t)(sizeof(struct message_resolve) + length) },
        .resolve = { .query = query },
    };

    memcpy(packet.host, host, length);
    length += sizeof(packet.header) + sizeof(packet.resolve);
    wire_await(fd, POLLOUT);
    cr_assert_eq(send(fd, &packet, length, MSG_NOSIGNAL), (ssize_t)length,
        "%s", strerror(errno));
}

struct answer {
    struct message_header header;
    struct message_resolved resolved;
    char addresses[4096];
};

/* False: the scout has closed. */
static bool
receive_answer(int fd, struct answer *answer)
{
    struct pollfd wait = { .fd = fd, .events = POLLIN };

    while (poll(&wait, 1, 0) == 0) {
        own_net_dns_serve(dns_fd, &dns);
        wire_turn(loop);
    }
    return recv(fd, answer, sizeof(*answer), MSG_DONTWAIT) > 0;
}

/* Promise 46 */
Test(scout, drops_a_worker_that_breaks_the_rules_and_no_other)
{
    static const struct {
        const char *host;
        size_t length;
    } cases[] = {
        { "", 0 }, { "a b", 3 }, { "a\0.test", 7 }, { "a.test\0", 7 },
        { "127.0.0.1", 9 }, { "::1", 3 }, { "a.test.", 7 }, { "\n", 1 },
        { "..", 2 }, { "-", 1 }, { "1.2", 3 }, { "\xff.test", 6 },
    };
    char big[1024];
    struct answer answer;

    memset(big, 'a', sizeof(big));
    for (size_t i = 0; i < COUNT(cases) + 2; i++) {
        int fd = open_way();

        say(fd, 7, "localhost", 9);
        cr_assert(receive_answer(fd, &answer));
        cr_expect_eq(answer.header.type, MESSAGE_RESOLVED);
        cr_expect_eq(answer.resolved.query, 7);
        cr_expect_eq(answer.resolved.result, RESOLVER_FOUND);
        if (i < COUNT(cases))
            say(fd, 8, cases[i].host, cases[i].length);
        else
            say(fd, 8, big, i == COUNT(cases) ? 254 : sizeof(big));
        cr_expect_not(receive_answer(fd, &answer), "%zu", i);
        close(fd);
    }
    expect(0, "a.test", RESOLVER_FOUND, 0xc0000201);
    cr_expect_not(ended);
}

Test(scout, bounds_what_a_worker_asks_at_once)
{
    int fd = open_way();
    struct answer answer;
    char host[32];

    dns.mood = DNS_IS_DEAD;
    for (uint32_t i = 0; i < SCOUT_QUERIES_MAX + 3; i++) {
        int length = snprintf(host, sizeof(host), "n%u.test", i);

        say(fd, i, host, (size_t)length);
        if (i >= SCOUT_QUERIES_MAX) {
            cr_assert(receive_answer(fd, &answer));
            cr_expect_eq(answer.resolved.query, i);
            cr_expect_eq(answer.resolved.result, RESOLVER_FAILED);
        }
    }
    expect(0, "here.test", RESOLVER_FOUND, 0xc0000207);
    close(fd); /* with all that in flight */
    dns.mood = DNS_ANSWERS;
    expect(1, "a.test", RESOLVER_FOUND, 0xc0000201);
}

/* It lets the scout's answers wait for ever; others are served all the same. */
Test(scout, is_not_stopped_by_a_worker_that_does_not_listen)
{
    int fd = open_way();

    for (int i = 0; i < 3000; i++)
        say(fd, 1, "localhost", 9);
    expect(0, "a.test", RESOLVER_FOUND, 0xc0000201);
    close(fd);
    expect(1, "b.test", RESOLVER_FOUND, 0xc0000201);
}

/* It alone: a worker need not say it once more. */
Test(scout, logs_as_it_is_told_to)
{
    static const struct message_log how = { .dress = LOG_DRESS_TIME,
        .format = LOG_JSON, .level = LOG_LEVEL_WARN };
    char *log;

    channel_send(master, MESSAGE_LOG, &how, NULL, 0, NULL, 0);
    dns.mood = DNS_UNKNOWN;
    expect(0, "a.test", RESOLVER_UNKNOWN, 0);
    log = scratch_read(scratch_path("log"));
    cr_assert_not_null(log);
    cr_expect_not_null(
        strstr(log, "\"message\":\"cannot resolve \\\"a.test"), "%s", log);
    free(log);
}

Test(scout, is_asked_again_when_it_is_back)
{
    struct lookup lookup;

    dns.mood = DNS_IS_DEAD;
    begin(0, &lookup, "a.test");
    wire_turn_for(loop, 20);
    kill(scout, SIGKILL);
    cr_expect_neq(wait_scout(), 0);
    cr_assert(wire_until(loop, is_true, &ended));
    channel_free(master);
    cr_expect_eq(lookup.calls, 0);
    dns.mood = DNS_ANSWERS;
    start_scout();
    scout_client_connect(clients[0], open_way());
    cr_assert(wire_until(loop, is_answered, &lookup));
    cr_expect_eq(lookup.first, 0xc0000201);
}

Test(scout, ends_with_the_master)
{
    expect(0, "a.test", RESOLVER_FOUND, 0xc0000201);
    channel_free(master);
    master = NULL;
    cr_expect_eq(wait_scout(), 0);
}

static void
send_way(int fd, int way)
{
    struct message_header header = { .type = MESSAGE_SCOUT };
    struct iovec part = { &header, sizeof(header) };
    char control[CMSG_SPACE(sizeof(int))] = { 0 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1,
        .msg_control = control, .msg_controllen = sizeof(control) };
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);

    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(head), &way, sizeof(int));
    cr_assert_eq(sendmsg(fd, &message, 0), sizeof(header));
}

/* This process is the scout, so that leaks are seen; its child is the master
 * that ends while a worker waits for an answer. */
Test(scout, frees_what_it_has)
{
    struct error error = { .count = 0 };
    struct answer answer;
    int fds[2], ways[2], status;
    pid_t child;

    cr_assert(channel_pair(fds));
    cr_assert(channel_pair(ways));
    child = fork();
    if (child == 0) {
        close(fds[1]);
        send_way(fds[0], ways[1]);
        say(ways[0], 1, "waits.test", 10);
        say(ways[0], 2, "localhost", 9);
        wire_await(ways[0], POLLIN);
        _exit(!receive_answer(ways[0], &answer) || answer.resolved.query != 2);
    }
    close(fds[0]);
    close(ways[1]);
    cr_expect_eq(scout_run(scout_new(&error), fds[1]), 0);
    close(ways[0]);
    cr_expect_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0);
}
