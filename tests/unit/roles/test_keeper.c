#include "roles/keeper.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/scratch.h"
#include "config/config.h"
#include "config/config_load.h"
#include "files/files.h"
#include "ipc/channel.h"
#include "ipc/message.h"
#include "net/loop.h"
#include "net/wire.h"
#include "roles/keeper_client.h"
#include "tls/pki.h"
#include "tls/tls_files.h"
#include "tls/tls_signer.h"
#include "tls/tls_ticket_keys.h"

/* A keeper, whose master and workers are this process. */
static struct loop *loop;
static pid_t pid;
static struct channel *master;
static struct keeper_client *client;
static struct tls_signer *signer;
static bool ready, ended;
static struct message_verdict verdict;
static uint64_t switched;
static unsigned faults;

static void
on_message(void *arg, const struct message *message, const int *fds)
{
    (void)arg;
    (void)fds;
    if (message->type == MESSAGE_READY)
        ready = true;
    else if (message->type == MESSAGE_PREPARED)
        verdict = *(const struct message_verdict *)message->payload;
    else if (message->type == MESSAGE_COMMITTED)
        switched =
            ((const struct message_generation *)message->payload)->generation;
    else if (message->type == MESSAGE_FAULT)
        faults++;
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
    return *(bool *)arg;
}

static bool
is_judged(void *arg)
{
    return verdict.generation == *(uint64_t *)arg;
}

static bool
is_switched(void *arg)
{
    return switched == *(uint64_t *)arg;
}

static void
on_lost(void *arg)
{
    (void)arg;
}

static int
open_way(void)
{
    int fds[2];

    cr_assert(channel_pair(fds));
    channel_send(master, MESSAGE_KEEPER, NULL, NULL, 0, &fds[1], 1);
    close(fds[1]);
    return fds[0];
}

static void
set_up(void)
{
    int fds[2];

    scratch_log_open(LOG_LEVEL_DEBUG);
    loop = loop_new();
    cr_assert(channel_pair(fds));
    pid = fork();
    if (pid == 0) {
        close(fds[0]);
        _exit(keeper_run(fds[1]));
    }
    close(fds[1]);
    ready = ended = false;
    verdict.generation = switched = faults = 0;
    master = channel_new(loop->base, fds[0], ROLE_MASTER, ROLE_KEEPER,
        handlers, on_ended, NULL);
    cr_assert(wire_until(loop, is_true, &ready));
    client = keeper_client_new(loop, on_lost, NULL);
    signer = keeper_client_signer(client);
    keeper_client_connect(client, open_way());
}

static void
tear_down(void)
{
    keeper_client_free(client);
    channel_free(master);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    loop_free(loop);
    pki_clean();
    log_close();
    scratch_remove();
}

TestSuite(keeper, .init = set_up, .fini = tear_down, .timeout = 60);

static bool
print(void *arg, const void *data, size_t length,
    unsigned char out[FILE_PRINT_BYTES])
{
    (void)arg;
    return SHA256(data, length, out) != NULL;
}

/* Sends what a master sends for a configuration. */
static void
send_briefing(uint64_t generation, const char *text)
{
    const struct message_generation fixed = { .generation = generation };
    struct error error = { .count = 0 };
    struct files *files = files_on_disk();
    struct config *config;
    char *path;
    int fd, secrets;

    path = pki_text("ini", text, strlen(text));
    config = config_load_file_keeping(files, path, &error);
    cr_assert_not_null(config, "%s", error.count > 0 ? error.messages[0] : "");
    tls_files_gather(config);
    cr_assert(files_part_secrets(files, print, NULL, &error));
    fd = files_pack(files, &error);
    secrets = files_secrets(files);
    cr_assert(fd >= 0);
    channel_send(master, MESSAGE_BUNDLE, &fixed, NULL, 0, &fd, 1);
    if (secrets >= 0)
        channel_send(master, MESSAGE_SECRETS, &fixed, NULL, 0, &secrets, 1);
    channel_send(master, MESSAGE_PREPARE, &fixed, NULL, 0, NULL, 0);
    close(fd);
    unlink(path);
    config_unref(config);
    files_unref(files);
}

/* The same for a service with that certificate, and waits for the answer. */
static void
brief(uint64_t generation, const char *cert)
{
    char text[1024];

    snprintf(text, sizeof(text), "[service s]\nlisten = tls://127.0.0.1:1\n"
        "connect = 127.0.0.1:2\nlisten.cert = %s\n", cert);
    send_briefing(generation, text);
    cr_assert(wire_until(loop, is_judged, &generation));
}

static void
tell(enum message_type type, uint64_t generation)
{
    const struct message_generation fixed = { .generation = generation };

    channel_send(master, type, &fixed, NULL, 0, NULL, 0);
    if (type == MESSAGE_COMMIT)
        cr_assert(wire_until(loop, is_switched, &generation));
}

static void
take_up(uint64_t generation, const char *cert)
{
    brief(generation, cert);
    cr_assert(verdict.ok);
    tell(MESSAGE_COMMIT, generation);
}

static const unsigned char digest[32] = "what is to be signed";

struct asking {
    struct tls_signing signing; /* first: on_done() finds the rest */
    bool done;
};

static void
on_done(struct tls_signing *signing)
{
    ((struct asking *)signing)->done = true;
}

static void
begin(struct asking *asking, const struct pki *pki)
{
    unsigned char *der = NULL;
    int length = i2d_PUBKEY(pki->key, &der);

    *asking = (struct asking){
        .signing.done = on_done,
        .signing.request = {
            .scheme = TLS_SIGN_ECDSA,
            .digest = TLS_DIGEST_SHA256,
            .bytes = digest,
            .length = sizeof(digest),
        },
    };
    cr_assert(length > 0);
    SHA256(der, (size_t)length, asking->signing.request.key.bytes);
    OPENSSL_free(der);
    signer->start(signer, &asking->signing);
}

static bool
verifies(const struct asking *asking, const struct pki *pki)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pki->key, NULL);
    bool good = ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 &&
        EVP_PKEY_verify(ctx, asking->signing.signature,
            asking->signing.length, digest, sizeof(digest)) == 1;

    EVP_PKEY_CTX_free(ctx);
    return good;
}

static bool
signs(const struct pki *pki)
{
    struct asking asking;

    begin(&asking, pki);
    cr_assert(wire_until(loop, is_true, &asking.done));
    return asking.signing.length > 0 && verifies(&asking, pki);
}

Test(keeper, signs_with_what_is_in_force)
{
    const struct pki_spec spec = { .cn = "one" };
    struct pki one = pki_make(&spec, NULL), two = pki_make(&spec, NULL);
    char *first = pki_both("one.pem", &one);
    char *second = pki_both("two.pem", &two);

    take_up(1, first);
    cr_expect(signs(&one));
    cr_expect_not(signs(&two));
    /* For those that switch before it does, and those that began earlier. */
    brief(2, second);
    cr_expect(signs(&two));
    tell(MESSAGE_COMMIT, 2);
    cr_expect(signs(&one));
    cr_expect(signs(&two));
    take_up(3, second);
    cr_expect(signs(&one)); /* a handshake may have begun under the first */
    cr_expect_eq(faults, 0);
    pki_free(&one);
    pki_free(&two);
}

Test(keeper, keeps_what_is_in_force_when_the_next_is_no_good)
{
    const struct pki_spec spec = { .cn = "one" };
    struct pki one = pki_make(&spec, NULL), two = pki_make(&spec, NULL);
    char *first = pki_both("one.pem", &one);

    take_up(1, first);
    brief(2, pki_cert("two.pem", &two)); /* its key is missing */
    cr_expect_not(verdict.ok);
    cr_expect_gt(faults, 0);
    tell(MESSAGE_ABORT, 2);
    cr_expect(signs(&one));
    brief(3, pki_both("both.pem", &two));
    cr_expect(verdict.ok);
    cr_expect(signs(&two));
    tell(MESSAGE_ABORT, 3);
    cr_expect_not(signs(&two));
    cr_expect(signs(&one));
    pki_free(&one);
    pki_free(&two);
}

/* A configuration with so many certificates that loading them takes a while. */
static void
send_many(uint64_t generation)
{
    enum { MANY = 100, TEXT_SIZE = 40000 };
    static char text[TEXT_SIZE];
    size_t length = 0;

    for (unsigned i = 0; i < MANY; i++) {
        struct pki pki = pki_make(&(struct pki_spec){ .cn = "many" }, NULL);
        char name[32];

        snprintf(name, sizeof(name), "many-%u.pem", i);
        length += (size_t)snprintf(text + length, sizeof(text) - length,
            "[service s%u]\nlisten = tls+unix:@s%u\nconnect = 127.0.0.1:2\n"
            "listen.cert = %s\n", i, i, pki_both(name, &pki));
        cr_assert_lt(length, sizeof(text));
        pki_free(&pki);
    }
    send_briefing(generation, text);
}

Test(keeper, signs_while_it_loads)
{
    struct pki one = pki_make(&(struct pki_spec){ .cn = "one" }, NULL);
    unsigned count = 0;

    take_up(1, pki_both("one.pem", &one));
    for (send_many(2); verdict.generation != 2; count++)
        cr_assert(signs(&one));
    cr_expect(verdict.ok);
    cr_expect_gt(count, 2);
    pki_free(&one);
}

/* One that takes the place of a keeper that died is asked at once. */
Test(keeper, lets_requests_wait_until_it_has_keys)
{
    struct pki one = pki_make(&(struct pki_spec){ .cn = "one" }, NULL);
    struct asking asking;

    begin(&asking, &one);
    take_up(1, pki_both("one.pem", &one));
    cr_assert(wire_until(loop, is_true, &asking.done));
    cr_expect_gt(asking.signing.length, 0);
    cr_expect(verifies(&asking, &one));
    pki_free(&one);
}

/* The first keys were loaded, and the reload that they were for is given up. */
Test(keeper, lets_requests_wait_when_its_first_keys_are_cancelled)
{
    struct pki one = pki_make(&(struct pki_spec){ .cn = "one" }, NULL);
    char *cert = pki_both("one.pem", &one);
    uint64_t unknown = 9;
    struct asking asking;

    brief(1, cert);
    cr_assert(verdict.ok);
    tell(MESSAGE_ABORT, 1);
    begin(&asking, &one);
    wire_turn(loop);
    tell(MESSAGE_PREPARE, unknown); /* its answer shows that it has heard all */
    cr_assert(wire_until(loop, is_judged, &unknown));
    take_up(2, cert);
    cr_assert(wire_until(loop, is_true, &asking.done));
    cr_expect(verifies(&asking, &one));
    pki_free(&one);
}

Test(keeper, answers_an_order_that_it_gives_up)
{
    struct pki one = pki_make(&(struct pki_spec){ .cn = "one" }, NULL);
    uint64_t generation = 2;
    char *first = pki_both("one.pem", &one);

    take_up(1, first);
    kill(pid, SIGSTOP); /* both are there when it looks */
    send_many(2);
    tell(MESSAGE_ABORT, 2);
    kill(pid, SIGCONT);
    cr_assert(wire_until(loop, is_judged, &generation));
    cr_expect_not(verdict.ok);
    cr_expect(verdict.given_up);
    cr_expect_eq(faults, 0);
    send_many(3);
    brief(4, first); /* without a word about the one before */
    cr_expect(verdict.ok);
    tell(MESSAGE_COMMIT, 4);
    cr_expect(signs(&one));
    pki_free(&one);
}

/* Promise 46 */
Test(keeper, ends_a_worker_that_talks_nonsense_and_no_other)
{
    static const char nonsense[] = "\1\0\0\0\1\0\0\0nonsense";
    const struct pki_spec spec = { .cn = "one" };
    struct pki one = pki_make(&spec, NULL);
    int way = open_way();
    char byte;

    take_up(1, pki_both("one.pem", &one));
    cr_assert(send(way, nonsense, sizeof(nonsense), 0) > 0);
    cr_expect(signs(&one));
    cr_expect_eq(recv(way, &byte, 1, 0), 0);
    cr_expect(signs(&one));
    close(way);
    pki_free(&one);
}

/* More than a window's worth: paced, and none is lost. */
Test(keeper, answers_a_flood_in_the_end)
{
    enum { MANY = 2500 };
    const struct pki_spec spec = { .cn = "one" };
    struct pki one = pki_make(&spec, NULL);
    struct asking *all = calloc(MANY, sizeof(*all));

    take_up(1, pki_both("one.pem", &one));
    for (size_t i = 0; i < MANY; i++)
        begin(&all[i], &one);
    for (size_t i = 0; i < MANY; i++)
        cr_assert(wire_until(loop, is_true, &all[i].done), "%zu", i);
    cr_expect(verifies(&all[0], &one));
    cr_expect(verifies(&all[MANY - 1], &one));
    free(all);
    pki_free(&one);
}

Test(keeper, serves_on_without_its_master_until_the_last_worker_ends)
{
    const struct pki_spec spec = { .cn = "one" };
    struct pki one = pki_make(&spec, NULL);
    int status;

    take_up(1, pki_both("one.pem", &one));
    channel_free(master);
    master = NULL;
    cr_expect(signs(&one));
    keeper_client_free(client);
    client = NULL;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
    pki_free(&one);
}
