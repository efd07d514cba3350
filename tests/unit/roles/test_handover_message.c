#include "roles/handover_message.h"

#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/scoreboard.h"

enum {
    ROOM = HANDOVER_ROOM,
    CONNECTION = HANDOVER_CONNECTION,
    TAKEN = HANDOVER_TAKEN,
    ADDRESS = 5,
    WORD = sizeof(struct handover_message),
};

#define KIND(k) { .kind = (k) }
#define SAID(k, t, s, a) \
    { .kind = (k), .tls = (t), .service = (s), .address = (a) }
#define FROM(size) \
    { .kind = CONNECTION, .service = 1, .address = ADDRESS, \
      .client.length = (size) }

static const struct {
    const char *what;
    struct handover_message word;
    size_t length;
    bool agreed;
} cases[] = {
    { "room", KIND(ROOM), WORD, true },
    { "a connection", SAID(CONNECTION, 0, 1, ADDRESS), WORD, true },
    { "one with TLS", SAID(CONNECTION, 1, SCOREBOARD_SERVICES - 1, ADDRESS),
        WORD, true },
    { "one of no service", SAID(CONNECTION, 0, SCOREBOARD_ALL, ADDRESS), WORD,
        true },
    { "with its client's address", FROM(sizeof(struct sockaddr_in6)), WORD,
        true },
    { "the longest address", FROM(sizeof(struct sockaddr_storage)), WORD, true },
    { "empty", KIND(ROOM), 0, false },
    { "short", KIND(ROOM), WORD - 1, false },
    { "long", KIND(ROOM), WORD + 1, false },
    { "kind 0", { 0 }, WORD, false },
    { "taken", { .kind = TAKEN, .service = 1, .count = UINT32_MAX }, WORD,
        true },
    { "taken, of no such service",
        { .kind = TAKEN, .service = SCOREBOARD_SERVICES }, WORD, false },
    { "kind 4", SAID(4, 0, 1, ADDRESS), WORD, false },
    { "kind 0xffff", SAID(0xffff, 0, 1, ADDRESS), WORD, false },
    { "more than TLS", SAID(CONNECTION, 2, 1, ADDRESS), WORD, false },
    { "no such service", SAID(CONNECTION, 0, SCOREBOARD_SERVICES, ADDRESS),
        WORD, false },
    { "a high service", SAID(CONNECTION, 0, UINT32_MAX, ADDRESS), WORD, false },
    { "a long address", FROM(sizeof(struct sockaddr_storage) + 1), WORD, false },
    { "an endless address", FROM(UINT32_MAX), WORD, false },
};

Test(handover_message, agrees_to_what_is_in_order)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct handover_message word[2] = { cases[i].word, { 0 } }, out;
        bool agreed = handover_message_judge(word, cases[i].length, &out);

        cr_expect_eq(agreed, cases[i].agreed, "%s", cases[i].what);
        if (agreed)
            cr_expect_eq(memcmp(&out, word, sizeof(out)), 0, "%s",
                cases[i].what);
    }
}

/* What the fuzz target begins with. */
static const char *const seeds[] = {
    "room", "connection", "connection6", "unix"
};

Test(handover_message, has_seeds)
{
    for (size_t i = 0; i < COUNT(seeds); i++) {
        unsigned char bytes[2 * WORD];
        struct handover_message word;
        char path[300];
        FILE *seed;

        snprintf(path, sizeof(path),
            SOURCE_DIR "/tests/fuzz/corpus/handover_message/%s", seeds[i]);
        seed = fopen(path, "re");
        cr_assert_not_null(seed, "%s: %m", path);
        cr_expect(handover_message_judge(
            bytes, fread(bytes, 1, sizeof(bytes), seed), &word), "%s",
            seeds[i]);
        fclose(seed);
    }
}
