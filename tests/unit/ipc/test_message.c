#include "ipc/message.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <stdalign.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/address.h"
#include "base/log.h"
#include "base/scoreboard.h"
#include "net/resolver.h"

/* A packet as message_judge() wants it. */
static struct {
    alignas(max_align_t) char bytes[MESSAGE_BYTES_MAX + 64];
    size_t length;
} packet;

static void
pack(uint32_t type, const void *fixed, size_t fixed_length, const void *text,
    size_t text_length)
{
    struct message_header header = {
        .type = type, .length = (uint32_t)(fixed_length + text_length),
    };
    char *at = packet.bytes;

    packet.length = sizeof(header) + fixed_length + text_length;
    cr_assert_lt(packet.length, sizeof(packet.bytes));
    memset(packet.bytes, 'x', sizeof(packet.bytes));
    memcpy(at, &header, sizeof(header));
    memcpy(at + sizeof(header), fixed, fixed_length);
    memcpy(at + sizeof(header) + fixed_length, text, text_length);
}

static bool
judge(enum role from, enum role to, size_t fds, struct message *message)
{
    return message_judge(packet.bytes, packet.length, fds, from, to, message);
}

/* Batches of one (sign_batch.h). */
static const struct {
    struct message_sign sign;
    char bytes[32];
} one_sign = {
    { 1, 32, TLS_SIGN_RSA_PSS, TLS_DIGEST_SHA256, { { 0 } } },
    "has as many bytes as SHA256 has",
};
static const struct {
    struct message_signed signed_;
    char bytes[16];
} one_signed = { { 1, 9 }, "signature" };

/* Each type with a payload that is in order. */
static const struct sample {
    enum message_type type;
    unsigned from; /* bits */
    unsigned to;
    size_t fds;
    size_t fixed_length;
    const void *fixed;
    const char *text;
    size_t text_length;
} samples[] = {
#define MASTER ROLE_BIT(MASTER)
#define WORKER ROLE_BIT(WORKER)
#define SCOUT ROLE_BIT(SCOUT)
#define TRIAL ROLE_BIT(TRIAL)
#define ADMIN ROLE_BIT(ADMIN)
#define KEEPER ROLE_BIT(KEEPER)
#define SUCCESSOR ROLE_BIT(SUCCESSOR)
#define CHILDREN (TRIAL | WORKER | SCOUT | ADMIN | KEEPER)
#define FIXED(type, ...) \
    sizeof(struct message_##type), &(struct message_##type){ __VA_ARGS__ }
#define TEXT(text) text, sizeof(text) - 1
#define NONE "", 0
    { MESSAGE_BUNDLE, MASTER, WORKER | KEEPER, 1, FIXED(generation, 1), NONE },
    { MESSAGE_SECRETS, MASTER, KEEPER, 1, FIXED(generation, 1), NONE },
    { MESSAGE_SOCKET, MASTER, WORKER | SUCCESSOR, 1,
        FIXED(socket, .id = 7, .serve = 1), TEXT("[::]:443\0\0") },
    { MESSAGE_PREPARE, MASTER, WORKER | KEEPER | SUCCESSOR, 0,
        FIXED(generation, 2), NONE },
    { MESSAGE_COMMIT, MASTER, WORKER | KEEPER, 0, FIXED(generation, 2), NONE },
    { MESSAGE_ABORT, MASTER, WORKER | KEEPER, 0, FIXED(generation, 2), NONE },
    { MESSAGE_HANDOVER, MASTER, WORKER, 1, FIXED(handover, 3, 1), NONE },
    { MESSAGE_LOG, MASTER, CHILDREN & ~TRIAL, 0,
        FIXED(log, LOG_JOURNAL, LOG_JSON, LOG_LEVEL_DEBUG, 0), NONE },
    { MESSAGE_DRAIN, MASTER, WORKER, 0, FIXED(drain, 0, 0), TEXT("web") },
    { MESSAGE_END, MASTER, WORKER, 0, 0, "", NONE },
    { MESSAGE_SCOUT, MASTER, WORKER | SCOUT, 1, 0, "", NONE },
    { MESSAGE_KEEPER, MASTER, WORKER | KEEPER, 1, 0, "", NONE },
    { MESSAGE_REPLY, MASTER, ADMIN, 0, FIXED(reply, 1, 1, 1, 0),
        TEXT("no such service") },
    { MESSAGE_SECRET, MASTER, SUCCESSOR, 1, 0, "", NONE },
    { MESSAGE_BOUND, TRIAL, MASTER, 1, FIXED(socket, .id = 7),
        TEXT("unix:/run/s\0/run/s\0") },
    { MESSAGE_FAULT, TRIAL | WORKER | KEEPER, MASTER, 0, 0, "",
        TEXT("a.ini:3: no") },
    { MESSAGE_VERDICT, TRIAL, MASTER, 0, FIXED(verdict, 2, 1, 0), NONE },
    { MESSAGE_READY, CHILDREN | SUCCESSOR, MASTER, 0, 0, "", NONE },
    { MESSAGE_PREPARED, WORKER | KEEPER, MASTER, 0, FIXED(verdict, 2, 0, 0),
        NONE },
    { MESSAGE_COMMITTED, WORKER | KEEPER, MASTER, 0, FIXED(generation, 2),
        NONE },
    { MESSAGE_KEEPER_LOST, WORKER, MASTER, 0, 0, "", NONE },
    { MESSAGE_SCOUT_LOST, WORKER, MASTER, 0, 0, "", NONE },
    { MESSAGE_REQUEST, ADMIN, MASTER, 0,
        FIXED(request, 1, VERB_DRAIN, 0, 0), TEXT("web") },
    { MESSAGE_RESOLVE, WORKER, SCOUT, 0, FIXED(resolve, 1, 0), TEXT("a.test") },
    { MESSAGE_RESOLVED, SCOUT, WORKER, 0,
        FIXED(resolved, 1, RESOLVER_UNKNOWN, 0, 0), NONE },
    { MESSAGE_SIGN, WORKER, KEEPER, 0, 0, "", (const char *)&one_sign,
        sizeof(one_sign) },
    { MESSAGE_SIGNED, KEEPER, WORKER, 0, 0, "", (const char *)&one_signed,
        sizeof(one_signed) },
    { MESSAGE_SPEAK, MASTER, SUCCESSOR, 0, 0, "", NONE },
    { MESSAGE_STOP, SUCCESSOR, MASTER, 0, FIXED(stop, 30000), NONE },
    { MESSAGE_STOP_NOW, SUCCESSOR, MASTER, 0, 0, "", NONE },
    { MESSAGE_REOPEN, SUCCESSOR, MASTER, 0, 0, "", NONE },
    { MESSAGE_REBOUND, MASTER, WORKER, 1, FIXED(socket, .id = 7, .serve = 1),
        TEXT("[::]:443\0\0") },
    { MESSAGE_HEARTBEAT, WORKER | SCOUT | ADMIN | KEEPER, MASTER, 0, 0, "",
        NONE },
    { MESSAGE_NAMES, MASTER, SCOUT, 1, 0, "", NONE },
    { MESSAGE_HELD, MASTER, TRIAL, 0, FIXED(socket, .id = 7, .serve = 1),
        TEXT("unix:/run/s\0/run/s\0") },
    { MESSAGE_TRY, MASTER, TRIAL, 0, 0, "", NONE },
    { MESSAGE_WANTED, TRIAL, MASTER, 0, FIXED(socket, .id = 7),
        TEXT("[::]:443\0\0") },
    { MESSAGE_COVER, MASTER, WORKER, 1, FIXED(socket, .id = 7, .serve = 0),
        TEXT("[::]:443\0\0") },
    { MESSAGE_KIN, MASTER, SUCCESSOR, 0, FIXED(kin, 33, .started = 7), NONE },
    { MESSAGE_ROOM, MASTER, WORKER, 0, 0, "", NONE },
    { MESSAGE_WARNING, TRIAL, MASTER, 0, 0, "", TEXT("web: it expires") },
    { MESSAGE_TICKETS, MASTER, WORKER, 0,
        FIXED(tickets, .secrets = { .count = 1 }), NONE },
    { MESSAGE_CERT, TRIAL, MASTER, 0, FIXED(cert, 7, .accepts = 1),
        TEXT("CN=web.test\nCN=ca\n0A\nEC P-256\nweb.test") },
    { MESSAGE_LEFT_OUT, TRIAL, MASTER, 0, 0, "", TEXT("/etc/sites/a.pem") },
};

static void
pack_sample(const struct sample *sample)
{
    pack(sample->type, sample->fixed, sample->fixed_length, sample->text,
        sample->text_length);
}

static const struct sample *
sample_of(enum message_type type)
{
    const struct sample *sample = samples;

    while (sample < samples + COUNT(samples) && sample->type != type)
        sample++;
    cr_assert_lt(sample, samples + COUNT(samples), "%u", type);
    return sample;
}

static enum role
first_of(unsigned roles)
{
    return (enum role)__builtin_ctz(roles);
}

static bool
judge_sample(const struct sample *sample, struct message *message)
{
    return judge(
        first_of(sample->from), first_of(sample->to), sample->fds, message);
}

Test(message, is_tried_whole)
{
    for (enum message_type type = 0; type < MESSAGE_TYPE_COUNT; type++)
        cr_expect(message_name(type) == NULL || sample_of(type) != NULL);
}

/* Promise 46 */
Test(message, lets_each_type_go_its_way_only)
{
    struct message message;

    for (const struct sample *sample = samples;
         sample < samples + COUNT(samples); sample++)
        for (enum role from = 0; from <= ROLE_COUNT; from++)
            for (enum role to = 0; to <= ROLE_COUNT; to++) {
                bool want = (sample->from >> from & 1) != 0 &&
                    (sample->to >> to & 1) != 0;

                pack_sample(sample);
                cr_expect_eq(judge(from, to, sample->fds, &message), want,
                    "%s from %u to %u", message_name(sample->type), from, to);
                cr_expect_eq(message_may_pass(sample->type, from, to), want);
            }
}

/* What a master and its successor say to each other, of two versions. */
Test(message, keeps_the_numbers_that_cross_an_upgrade)
{
    static const struct { enum message_type type; unsigned number; } cases[] = {
        { MESSAGE_SOCKET, 2 }, { MESSAGE_PREPARE, 3 }, { MESSAGE_SECRET, 13 },
        { MESSAGE_READY, 17 }, { MESSAGE_SPEAK, 28 }, { MESSAGE_STOP, 29 },
        { MESSAGE_STOP_NOW, 30 }, { MESSAGE_REOPEN, 31 }, { MESSAGE_KIN, 39 },
    };
    size_t passing = 0;

    for (size_t i = 0; i < COUNT(cases); i++)
        cr_expect_eq(cases[i].type, cases[i].number, "%s",
            message_name(cases[i].type));
    for (enum message_type type = 0; type < MESSAGE_TYPE_COUNT; type++)
        passing += message_may_pass(type, ROLE_MASTER, ROLE_SUCCESSOR) ||
            message_may_pass(type, ROLE_SUCCESSOR, ROLE_MASTER);
    cr_expect_eq(passing, COUNT(cases));
}

Test(message, hands_over_what_was_sent)
{
    for (const struct sample *sample = samples;
         sample < samples + COUNT(samples); sample++) {
        enum message_type type = sample->type;
        struct message message;

        pack_sample(sample);
        cr_assert(judge_sample(sample, &message), "%s", message_name(type));
        cr_expect_eq(message.type, type);
        cr_expect_eq(message.fd_count, sample->fds);
        cr_expect_eq(message_info(type)->fds, sample->fds);
        cr_expect_eq(message_info(type)->fixed, sample->fixed_length);
        cr_expect_eq(memcmp(message.payload, sample->fixed,
            sample->fixed_length), 0);
        cr_expect_eq(message.text_length, sample->text_length);
        cr_expect_eq(memcmp(message.text, sample->text,
            sample->text_length), 0);
        cr_expect_eq(message.text[message.text_length], '\0');
    }
}

Test(message, counts_descriptors)
{
    struct message message;

    for (const struct sample *sample = samples;
         sample < samples + COUNT(samples); sample++)
        for (size_t fds = 0; fds < 4; fds++) {
            pack_sample(sample);
            cr_expect_eq(judge(first_of(sample->from), first_of(sample->to),
                fds, &message), fds == sample->fds);
        }
}

/* Every type cut short and grown, with and without a header that says so. */
Test(message, wants_the_right_size)
{
    struct message message;

    for (const struct sample *sample = samples;
         sample < samples + COUNT(samples); sample++)
        for (size_t length = 0; length < 100; length++) {
            struct message_header *header = (void *)packet.bytes;
            size_t whole;

            pack_sample(sample);
            whole = packet.length;
            packet.length = length;
            cr_expect_eq(judge_sample(sample, &message), length == whole,
                "%s of %zu", message_name(sample->type), length);
            if (length < sizeof(*header))
                continue;
            header->length = (uint32_t)(length - sizeof(*header));
            if (length < sizeof(*header) + sample->fixed_length)
                cr_expect_not(judge_sample(sample, &message));
            header->length = UINT32_MAX;
            cr_expect_not(judge_sample(sample, &message));
        }
}

Test(message, knows_its_types_only)
{
    static const uint32_t types[] = { 20, MESSAGE_TYPE_COUNT, 1000,
        UINT32_MAX };
    struct message message;

    for (size_t i = 0; i < COUNT(types); i++)
        for (enum role from = 0; from < ROLE_COUNT; from++) {
            pack(types[i], "", 0, "", 0);
            cr_expect_not(judge(from, ROLE_MASTER, 0, &message));
            cr_expect_not(judge(ROLE_MASTER, from, 0, &message));
        }
}

Test(message, looks_at_values)
{
    /* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): as they come */
    const struct {
        enum message_type type;
        size_t fixed_length;
        const void *fixed;
        const char *text;
        size_t text_length;
        bool want;
    } cases[] = {
        { MESSAGE_HANDOVER, FIXED(handover, SCOREBOARD_SLOTS - 1, 0), NONE,
            true },
        { MESSAGE_HANDOVER, FIXED(handover, SCOREBOARD_SLOTS, 0), NONE, false },
        { MESSAGE_HANDOVER, FIXED(handover, 0, INBOX_LEFT), NONE, true },
        { MESSAGE_HANDOVER, FIXED(handover, 0, INBOX_STATE_COUNT), NONE, false },
        { MESSAGE_LOG, FIXED(log, 4, 0, 0, 0), NONE, false },
        { MESSAGE_LOG, FIXED(log, 0, 2, 0, 0), NONE, false },
        { MESSAGE_LOG, FIXED(log, 0, 0, 4, 0), NONE, false },
        { MESSAGE_LOG, FIXED(log, UINT32_MAX, 0, 0, 0), NONE, false },
        { MESSAGE_REPLY, FIXED(reply, 0, REPLY_AGAIN, 0, 0), NONE, true },
        { MESSAGE_REPLY, FIXED(reply, 0, REPLY_CODE_COUNT, 0, 0), NONE, false },
        { MESSAGE_REPLY, FIXED(reply, 0, 0, 2, 0), NONE, false },
        { MESSAGE_REPLY, FIXED(reply, 0, 0, 0, 0), TEXT("a\0b"), false },
        { MESSAGE_VERDICT, FIXED(verdict, 0, VERDICT_UNABLE, 0), NONE, true },
        { MESSAGE_VERDICT, FIXED(verdict, 0, VERDICT_COUNT, 0), NONE, false },
        { MESSAGE_VERDICT, FIXED(verdict, 0, 0, 1), NONE, false },
        { MESSAGE_PREPARED, FIXED(verdict, 0, 2, 0), NONE, false },
        { MESSAGE_PREPARED, FIXED(verdict, 0, 0, 1), NONE, true },
        { MESSAGE_PREPARED, FIXED(verdict, 0, 0, 2), NONE, false },
        { MESSAGE_PREPARED, FIXED(verdict, 0, 1, 1), NONE, false },
        { MESSAGE_REQUEST, FIXED(request, 0, VERB_COUNT, 0, 0), NONE,
            false },
        { MESSAGE_REQUEST, FIXED(request, 0, VERB_STATUS, 0, 0), NONE, true },
        { MESSAGE_REQUEST, FIXED(request, 0, VERB_STATUS, 0, 0), "a", 1,
            false },
        { MESSAGE_REQUEST, FIXED(request, 0, VERB_DRAIN, 0, 0), NONE, true },
        { MESSAGE_REQUEST, FIXED(request, 0, VERB_DRAIN, 0, 0), "a", 2,
            false },
        { MESSAGE_REQUEST, FIXED(request, 0, VERB_CERTS, 0, .json = 1), NONE,
            true },
        { MESSAGE_REQUEST, FIXED(request, 0, VERB_CERTS, 0, .json = 2), NONE,
            false },
        { MESSAGE_REQUEST, FIXED(request, 0, VERB_RELOAD, 0, .json = 1), NONE,
            false },
        { MESSAGE_CERT, FIXED(cert, .kind = TLS_CERT_CRL), TEXT("a\n\n\n\n"),
            true },
        { MESSAGE_CERT, FIXED(cert, .kind = TLS_CERT_KIND_COUNT),
            TEXT("a\n\n\n\n"), false },
        { MESSAGE_CERT, FIXED(cert, .accepts = 2), TEXT("a\n\n\n\n"), false },
        { MESSAGE_CERT, FIXED(cert, 0), TEXT("a\n\n\n"), false },
        { MESSAGE_CERT, FIXED(cert, 0), TEXT("a\n\n\n\n\n"), false },
        { MESSAGE_CERT, FIXED(cert, 0), TEXT("a\n\n\0\n\n"), false },
        /* The admin answers itself. */
        { MESSAGE_REQUEST, FIXED(request, 0, VERB_VERSION, 0, 0), NONE,
            false },
        { MESSAGE_DRAIN, FIXED(drain, 0, 0), "a", 2, false },
        { MESSAGE_FAULT, 0, "", "a\0b", 3, false },
        { MESSAGE_RESOLVE, FIXED(resolve, 0, 0), "a", 2, false },
        { MESSAGE_SOCKET, FIXED(socket, .index = MESSAGE_SOCKETS_MAX - 1),
            TEXT("a\0\0"), true },
        { MESSAGE_SOCKET, FIXED(socket, .index = MESSAGE_SOCKETS_MAX),
            TEXT("a\0\0"), false },
        { MESSAGE_SOCKET, FIXED(socket, .tls = 2), TEXT("a\0\0"), false },
        { MESSAGE_SOCKET, FIXED(socket, .serve = 2), TEXT("a\0\0"), false },
        { MESSAGE_SOCKET, FIXED(socket, .id = 0), TEXT("abc"), false },
        { MESSAGE_SOCKET, FIXED(socket, .id = 0), TEXT("abc\0"), false },
        { MESSAGE_SOCKET, FIXED(socket, .id = 0), TEXT("abc\0/a"), false },
        { MESSAGE_SOCKET, FIXED(socket, .id = 0), TEXT("abc\0/a\0"), true },
        { MESSAGE_SOCKET, FIXED(socket, .id = 0), TEXT("abc\0a\0"), false },
        { MESSAGE_SOCKET, FIXED(socket, .id = 0), TEXT("abc\0/a\0\0"), false },
        { MESSAGE_SOCKET, FIXED(socket, .id = 0), TEXT("abc\0/a\0x\0"), false },
        { MESSAGE_SOCKET, FIXED(socket, .id = 0), TEXT("\0/a\0"), false },
        { MESSAGE_SOCKET, FIXED(socket, .id = 0), TEXT("\0\0\0"), false },
        { MESSAGE_BOUND, FIXED(socket, .tls = 2), TEXT("a\0\0"), false },
        { MESSAGE_HELD, FIXED(socket, .serve = 2), TEXT("a\0\0"), false },
        { MESSAGE_WANTED, FIXED(socket, .tls = 2), TEXT("a\0\0"), false },
    };
    struct message message;

    for (size_t i = 0; i < COUNT(cases); i++) {
        pack(cases[i].type, cases[i].fixed, cases[i].fixed_length,
            cases[i].text, cases[i].text_length);
        cr_expect_eq(judge_sample(sample_of(cases[i].type), &message),
            cases[i].want, "case %zu, %s", i, message_name(cases[i].type));
    }
}

Test(message, bounds_texts)
{
    static const struct { enum message_type type; size_t most; } cases[] = {
        { MESSAGE_DRAIN, MESSAGE_SERVICE_MAX },
        { MESSAGE_REQUEST, MESSAGE_SERVICE_MAX },
        { MESSAGE_REPLY, MESSAGE_REPLY_MAX },
        { MESSAGE_FAULT, MESSAGE_FAULT_MAX },
        { MESSAGE_RESOLVE, MESSAGE_HOST_MAX },
        { MESSAGE_END, 0 },
        { MESSAGE_READY, 0 },
        { MESSAGE_COMMIT, 0 },
    };
    static char text[MESSAGE_BYTES_MAX];
    struct message message;

    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t more = 0; more < 2; more++) {
            const struct sample *sample = sample_of(cases[i].type);

            pack(sample->type, sample->fixed, sample->fixed_length, text,
                cases[i].most + more);
            cr_expect_eq(judge_sample(sample, &message), more == 0, "%s",
                message_name(sample->type));
        }
}

/* `key` and `path` are lengths. */
Test(message, bounds_the_texts_of_a_socket)
{
    static const struct { size_t key, path; bool want; } cases[] = {
        { MESSAGE_KEY_MAX, MESSAGE_PATH_MAX, true },
        { MESSAGE_KEY_MAX + 1, 0, false },
        { 1, MESSAGE_PATH_MAX + 1, false },
        { MESSAGE_KEY_MAX, 0, true },
        { 1, MESSAGE_PATH_MAX, true },
    };
    const struct sample *sample = sample_of(MESSAGE_SOCKET);
    char text[1024];
    struct message message;

    for (size_t i = 0; i < COUNT(cases); i++) {
        memset(text, '/', sizeof(text));
        text[cases[i].key] = text[cases[i].key + cases[i].path + 1] = '\0';
        pack(sample->type, sample->fixed, sample->fixed_length, text,
            cases[i].key + cases[i].path + 2);
        cr_assert_eq(judge_sample(sample, &message), cases[i].want, "%zu", i);
        if (!cases[i].want)
            continue;
        cr_expect_eq(strlen(message.text), cases[i].key);
        cr_expect_eq(strlen(message_socket_path(&message)), cases[i].path);
    }
}

static void
pack_addresses(uint32_t result, uint32_t count, size_t really,
    const struct address *address)
{
    struct address addresses[RESOLVER_ADDRESSES_MAX + 1];
    struct message_resolved resolved = { .result = result, .count = count };

    for (size_t i = 0; i < COUNT(addresses); i++)
        addresses[i] = *address;
    pack(MESSAGE_RESOLVED, &resolved, sizeof(resolved), addresses,
        really * sizeof(addresses[0]));
}

Test(message, counts_addresses)
{
    static const struct {
        uint32_t result, count;
        size_t really;
        bool want;
    } cases[] = {
        { RESOLVER_FOUND, 1, 1, true },
        { RESOLVER_FOUND, RESOLVER_ADDRESSES_MAX, RESOLVER_ADDRESSES_MAX,
            true },
        { RESOLVER_FOUND, RESOLVER_ADDRESSES_MAX + 1,
            RESOLVER_ADDRESSES_MAX + 1, false },
        { RESOLVER_FOUND, 2, 1, false },
        { RESOLVER_FOUND, 1, 2, false },
        { RESOLVER_FOUND, 0, 0, false },
        { RESOLVER_FOUND, UINT32_MAX, 1, false },
        { RESOLVER_UNKNOWN, 0, 0, true },
        { RESOLVER_UNKNOWN, 1, 1, false },
        { RESOLVER_FAILED, 0, 0, true },
        { RESOLVER_FAILED + 1, 0, 0, false },
    };
    struct address address;
    struct message message;

    cr_assert(address_from_numeric(&address, "192.0.2.1", 0));
    for (size_t i = 0; i < COUNT(cases); i++) {
        pack_addresses(cases[i].result, cases[i].count, cases[i].really,
            &address);
        cr_expect_eq(judge(ROLE_SCOUT, ROLE_WORKER, 0, &message),
            cases[i].want, "%zu", i);
    }
}

Test(message, looks_at_each_address)
{
    struct address address, other;
    struct message message;

    cr_assert(address_from_numeric(&address, "2001:db8::1", 0));
    for (size_t i = 0; i < 3; i++) {
        struct address *last;

        pack_addresses(RESOLVER_FOUND, 3, 3, &address);
        cr_assert(judge(ROLE_SCOUT, ROLE_WORKER, 0, &message));
        /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): a copy */
        cr_expect_eq(memcmp(&message_addresses(&message)[2], &address,
            sizeof(address)), 0);
        last = (struct address *)&message_addresses(&message)[i];
        last->length++;
        cr_expect_not(judge(ROLE_SCOUT, ROLE_WORKER, 0, &message));
        last->length = sizeof(struct sockaddr_in);
        cr_expect_not(judge(ROLE_SCOUT, ROLE_WORKER, 0, &message));
        cr_assert(address_from_path(&other, "/run/x"));
        *last = other;
        cr_expect_not(judge(ROLE_SCOUT, ROLE_WORKER, 0, &message));
        last->storage.ss_family = AF_UNSPEC;
        cr_expect_not(judge(ROLE_SCOUT, ROLE_WORKER, 0, &message));
    }
}

Test(message, names_types)
{
    for (size_t i = 0; i < COUNT(samples); i++)
        for (size_t j = 0; j < i; j++)
            cr_expect_str_neq(message_name(samples[i].type),
                message_name(samples[j].type));
    cr_expect_str_eq(message_name(MESSAGE_SCOUT_LOST), "scout-lost");
}

/* Those that the fuzz target begins with (tests/fuzz/corpus/message): the roles
 * of both ends, the number of descriptors, and the packet. */
static bool
judge_seed(const char *name, struct message *message)
{
    char path[300];
    unsigned char ways[3];
    FILE *seed;

    snprintf(path, sizeof(path), SOURCE_DIR "/tests/fuzz/corpus/message/%s",
        name);
    seed = fopen(path, "re");
    cr_assert_not_null(seed, "%s: %m", path);
    cr_assert_eq(fread(ways, 1, sizeof(ways), seed), sizeof(ways), "%s", name);
    packet.length = fread(packet.bytes, 1, MESSAGE_BYTES_MAX, seed);
    fclose(seed);
    return judge(ways[0], ways[1], ways[2], message);
}

Test(message, has_a_seed_of_each_type)
{
    struct message message;

    for (size_t i = 0; i < COUNT(samples); i++) {
        const char *name = message_name(samples[i].type);

        cr_expect(judge_seed(name, &message), "%s", name);
        cr_expect_eq(message.type, samples[i].type, "%s", name);
    }
    cr_expect_not(judge_seed("wrong-way", &message));
}
