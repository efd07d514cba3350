#include "config/match_table.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "config/config_fault.h"
#include "config/config_match.h"
#include "config/match_ties.h"

enum { MEMBERS_MAX = 8, LINES_MAX = 4 };

/* Lines of members, and the table of them. */
struct sheet {
    struct match_rules rules[MEMBERS_MAX];
    size_t members;
    struct match_table table;
};

static void
add_line(struct sheet *sheet, size_t member, const char *line)
{
    struct fault fault;

    cr_assert(config_match_add(&sheet->rules[member], line, &fault), "%s: %s",
        line, fault.text);
}

static void
make_table(struct sheet *sheet)
{
    size_t lines = 0;

    for (size_t i = 0; i < sheet->members; i++)
        lines += sheet->rules[i].count;
    cr_assert(match_table_open(&sheet->table, lines));
    for (size_t i = 0; i < sheet->members; i++)
        match_table_add(&sheet->table, (uint32_t)i, &sheet->rules[i]);
    match_table_sort(&sheet->table);
}

static void
clear_sheet(struct sheet *sheet)
{
    match_table_close(&sheet->table);
    for (size_t i = 0; i < sheet->members; i++)
        config_match_clear(&sheet->rules[i]);
}

/* A client as words of a match would tell it; "" is silent. */
struct person {
    enum match_protocol protocol;
    const char *name; /* TLS only; NULL: none */
    const char *alpn; /* names, each with its length in front */
    const char *from; /* NULL: a unix socket */
};

static struct match_client
describe_person(const struct person *person, struct client_hello *hello)
{
    struct match_client client = { .protocol = person->protocol };

    *hello = (struct client_hello){ 0 };
    if (person->name != NULL) {
        hello->server_name.bytes = (const uint8_t *)person->name;
        hello->server_name.size = strlen(person->name);
    }
    if (person->alpn != NULL) {
        hello->alpn.bytes = (const uint8_t *)person->alpn;
        hello->alpn.size = strlen(person->alpn);
    }
    if (person->protocol == MATCH_PROTOCOL_TLS)
        match_client_hello(&client, hello);
    if (person->from != NULL)
        cr_assert(address_from_numeric(&client.from, person->from, 4000));
    return client;
}

/* Member 0 is the fallback. */
static const char *const example_lines[] = {
    "sni:a.example",                    /* 1 */
    "sni:*.a.example",                  /* 2 */
    "sni:*.a.example from:10.0.0.0/8",  /* 3 */
    "sni:www.a.example alpn:h2",        /* 4 */
    "alpn:acme-tls/1",                  /* 5 */
    "proto:ssh",                        /* 6 */
    "proto:ssh from:10.1.0.0/16",       /* 7 */
};

static const struct {
    struct person person;
    int member;
} choices[] = {
    { { MATCH_PROTOCOL_TLS, "a.example", NULL, "192.0.2.1" }, 1 },
    { { MATCH_PROTOCOL_TLS, "A.Example.", NULL, "192.0.2.1" }, 1 },
    { { MATCH_PROTOCOL_TLS, "a.example..", NULL, "192.0.2.1" }, 0 },
    { { MATCH_PROTOCOL_TLS, ".a.example", NULL, "192.0.2.1" }, 0 },
    { { MATCH_PROTOCOL_TLS, "b.a.example", NULL, "192.0.2.1" }, 2 },
    { { MATCH_PROTOCOL_TLS, "*.a.example", NULL, "192.0.2.1" }, 2 },
    { { MATCH_PROTOCOL_TLS, "c.b.a.example", NULL, "192.0.2.1" }, 0 },
    { { MATCH_PROTOCOL_TLS, "xa.example", NULL, "192.0.2.1" }, 0 },
    { { MATCH_PROTOCOL_TLS, "b.a.example", NULL, "10.0.0.1" }, 3 },
    { { MATCH_PROTOCOL_TLS, "b.a.example", NULL, "::ffff:10.0.0.1" }, 3 },
    { { MATCH_PROTOCOL_TLS, "b.a.example", NULL, NULL }, 2 },
    { { MATCH_PROTOCOL_TLS, "www.a.example", "\2h2", "10.0.0.1" }, 4 },
    { { MATCH_PROTOCOL_TLS, "www.a.example", "\10http/1.1", "10.0.0.1" }, 3 },
    { { MATCH_PROTOCOL_TLS, "www.a.example", "\3h2x\2h2", "::1" }, 4 },
    { { MATCH_PROTOCOL_TLS, "a.example", "\12acme-tls/1", "::1" }, 1 },
    { { MATCH_PROTOCOL_TLS, "z.example", "\12acme-tls/1", "::1" }, 5 },
    { { MATCH_PROTOCOL_TLS, NULL, "\12acme-tls/1", "::1" }, 5 },
    { { MATCH_PROTOCOL_TLS, NULL, NULL, "::1" }, 0 },
    { { MATCH_PROTOCOL_SSH, NULL, NULL, "192.0.2.1" }, 6 },
    { { MATCH_PROTOCOL_SSH, NULL, NULL, "10.1.0.1" }, 7 },
    { { MATCH_PROTOCOL_ANY, NULL, NULL, "10.1.0.1" }, 0 },
    { { MATCH_PROTOCOL_HTTP, NULL, NULL, "10.1.0.1" }, 0 },
};

/* In whatever order the services are written. */
Test(match_table, chooses_the_most_specific)
{
    for (size_t turn = 0; turn < COUNT(example_lines); turn++) {
        struct sheet sheet = { .members = 1 + COUNT(example_lines) };

        for (size_t i = 0; i < COUNT(example_lines); i++)
            add_line(&sheet, 1 + (i + turn) % COUNT(example_lines),
                example_lines[i]);
        make_table(&sheet);
        for (size_t i = 0; i < COUNT(choices); i++) {
            struct client_hello hello;
            struct match_client client =
                describe_person(&choices[i].person, &hello);
            int want = choices[i].member;

            if (want > 0)
                want = 1 + (want - 1 + (int)turn) % (int)COUNT(example_lines);
            cr_expect_eq(match_table_choose(&sheet.table, &client), want,
                "%zu: %s", i, choices[i].person.name);
        }
        clear_sheet(&sheet);
    }
}

Test(match_table, has_no_service_for_others_without_a_fallback)
{
    struct person stranger = { MATCH_PROTOCOL_HTTP, NULL, NULL, "::1" };
    struct sheet sheet = { .members = 1 };
    struct client_hello hello;
    struct match_client client = describe_person(&stranger, &hello);

    add_line(&sheet, 0, "proto:tls");
    make_table(&sheet);
    cr_expect_eq(match_table_choose(&sheet.table, &client), MATCH_NOBODY);
    clear_sheet(&sheet);
}

/* A hello that is not in order is TLS, and matches neither a name nor its
 * absence. */
Test(match_table, takes_no_name_from_a_bad_hello)
{
    struct match_client client = { .protocol = MATCH_PROTOCOL_TLS };
    struct sheet sheet = { .members = 3 };

    add_line(&sheet, 1, "sni:-");
    add_line(&sheet, 2, "proto:tls");
    make_table(&sheet);
    cr_expect_eq(match_table_choose(&sheet.table, &client), 2);
    clear_sheet(&sheet);
}

Test(match_table, knows_whether_it_has_to_listen)
{
    static const struct { const char *line; bool reads; } cases[] = {
        { "from:10.0.0.0/8", false }, { "sni:-", true }, { "alpn:h2", true },
        { "proto:other", true }, { "from:10.0.0.0/8 proto:ssh", true },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sheet sheet = { .members = 2 };

        add_line(&sheet, 1, cases[i].line);
        make_table(&sheet);
        cr_expect_eq(sheet.table.reads, cases[i].reads, "%s", cases[i].line);
        clear_sheet(&sheet);
    }
}

/* Ties. */

struct told {
    unsigned count;
    unsigned most; /* to be told; 0: all */
    char client[MATCH_TIE_TEXT_SIZE]; /* of the last one */
};

static bool
note_tie(void *arg, const struct match_entry *a, const struct match_entry *b,
    const char *client)
{
    struct told *told = arg;

    cr_expect_neq(a->member, b->member);
    told->count++;
    strcpy(told->client, client);
    return told->count != told->most;
}

static const struct {
    const char *lines[4]; /* of a member each */
    const char *client;   /* NULL: no two tie */
} ties[] = {
    { { "sni:a.example", "sni:b.example" }, NULL },
    { { "sni:a.example", "sni:a.example" },
      "a TLS client that asks for a.example" },
    { { "sni:*.a.example", "sni:*.a.example" },
      "a TLS client that asks for www.a.example" },
    { { "sni:*.a.example", "sni:*.a.example", "sni:www.a.example" },
      "a TLS client that asks for www1.a.example" },
    { { "sni:*.a.example", "sni:*.b.a.example" }, NULL },
    { { "sni:-", "sni:-" }, "a TLS client that asks for no name" },
    { { "sni:-", "sni:a.example" }, NULL },
    { { "sni:-", "proto:tls" }, NULL },
    { { "alpn:h2", "alpn:http/1.1" }, "a TLS client that asks for "
      "www.invalid and offers both h2 and http/1.1" },
    { { "alpn:h2", "proto:tls" },
      "a TLS client that asks for www.invalid and offers h2" },
    { { "alpn:h2", "proto:tls", "sni:*.invalid" },
      "a TLS client that asks for no name and offers h2" },
    { { "alpn:h2", "sni:a.example" }, NULL },
    { { "alpn:h2", "proto:ssh" }, NULL },
    { { "sni:a.example alpn:h2", "sni:a.example from:10.0.0.0/8" }, NULL },
    { { "sni:a.example alpn:h2", "sni:a.example proto:tls" },
      "a TLS client that asks for a.example and offers h2" },
    { { "proto:ssh", "proto:ssh" }, "a client that speaks ssh" },
    { { "proto:other", "proto:other" }, "a client of another protocol" },
    { { "proto:ssh", "proto:http" }, NULL },
    { { "from:10.0.0.0/8", "from:10.0.0.0/8" },
      "a TLS client from 10.0.0.0 that asks for www.invalid" },
    { { "from:10.0.0.0/8", "from:10.0.0.0/9" }, NULL },
    { { "from:10.0.0.0/8", "from:10.0.0.0/8", "from:10.0.0.0/9" },
      "a TLS client from 10.128.0.0 that asks for www.invalid" },
    { { "from:10.0.0.0/8", "from:10.0.0.0/8", "from:10.0.0.0/9",
        "from:10.128.0.0/9" }, NULL },
    { { "from:0.0.0.0/0", "from:::/0" }, NULL },
    { { "from:2001:db8::/32", "from:2001:db8::/32", "from:2001:db8::/33" },
      "a TLS client from 2001:db8:8000:: that asks for "
      "www.invalid" },
    { { "from:10.0.0.0/8 proto:ssh", "from:10.0.0.0/8 alpn:h2" }, NULL },
    /* More words take it away. */
    { { "alpn:h2", "alpn:x", "alpn:h2 proto:tls" }, NULL },
};

Test(match_ties, shows_a_client_that_two_lines_tie_for)
{
    for (size_t i = 0; i < COUNT(ties); i++) {
        struct sheet sheet = { .members = 0 };
        struct told told = { 0 };

        for (; sheet.members < 4 && ties[i].lines[sheet.members] != NULL;
             sheet.members++)
            add_line(&sheet, sheet.members, ties[i].lines[sheet.members]);
        make_table(&sheet);
        match_ties_find(&sheet.table, note_tie, &told);
        cr_expect_eq(told.count, ties[i].client != NULL, "%zu: %s", i,
            told.client);
        if (ties[i].client != NULL)
            cr_expect_str_eq(told.client, ties[i].client, "%zu", i);
        clear_sheet(&sheet);
    }
}

/* A thousand of them tie in half a million pairs. */
Test(match_ties, stops_when_enough_are_told)
{
    struct sheet sheet = { .members = 4 };
    struct told told = { .most = 2 };

    for (size_t i = 0; i < sheet.members; i++)
        add_line(&sheet, i, "proto:ssh");
    make_table(&sheet);
    match_ties_find(&sheet.table, note_tie, &told);
    cr_expect_eq(told.count, 2);
    clear_sheet(&sheet);
}

/* A plain model: goes through all lines and keeps the best. */


static bool
model_holds(const struct match_rule *rule, const struct person *person)
{
    const char *dot = person->name != NULL ? strchr(person->name, '.') : NULL;
    bool tls = person->protocol == MATCH_PROTOCOL_TLS;
    struct address from = { .length = 0 };

    if (person->from != NULL)
        cr_assert(address_from_numeric(&from, person->from, 1));
    if (rule->kind == MATCH_NAME_NONE && (!tls || person->name != NULL))
        return false;
    if (rule->kind == MATCH_NAME_IS &&
        (person->name == NULL || strcmp(person->name, rule->name) != 0))
        return false;
    if (rule->kind == MATCH_NAME_UNDER &&
        (dot == NULL || strcmp(dot + 1, rule->name) != 0))
        return false;
    if (rule->alpn != NULL && (!tls || person->alpn == NULL ||
        strstr(person->alpn, rule->alpn) == NULL))
        return false;
    if (rule->protocol != MATCH_PROTOCOL_ANY &&
        rule->protocol != person->protocol)
        return false;
    return config_match_holds_address(&rule->from, &from);
}

static int
compare_scores(const struct match_rule *a, const struct match_rule *b)
{
    int one[] = { (int)a->kind, (int)a->words,
        a->from.family != AF_UNSPEC ? a->from.bits : -1 };
    int other[] = { (int)b->kind, (int)b->words,
        b->from.family != AF_UNSPEC ? b->from.bits : -1 };

    for (size_t i = 0; i < COUNT(one); i++)
        if (one[i] != other[i])
            return one[i] - other[i];
    return 0;
}

/* `*tied`: another member's line is as good. */
static int
model_choose(const struct sheet *sheet, const struct person *person,
    bool *tied)
{
    const struct match_rule *best = NULL;
    int member = MATCH_NOBODY;

    *tied = false;
    for (size_t i = 0; i < sheet->members; i++) {
        for (size_t j = 0; j < sheet->rules[i].count; j++) {
            const struct match_rule *rule = &sheet->rules[i].items[j];
            int order = best != NULL ? compare_scores(rule, best) : 1;

            if (!model_holds(rule, person) || order < 0)
                continue;
            if (order > 0)
                *tied = false;
            if (order == 0 && member != (int)i)
                *tied = true;
            if (order > 0) {
                best = rule;
                member = (int)i;
            }
        }
    }
    for (size_t i = 0; best == NULL && i < sheet->members; i++)
        if (sheet->rules[i].count == 0)
            member = (int)i;
    return member;
}

#define PICK(list) list[(size_t)rand() % COUNT(list)]

static const char *const names[] = { "a.example", "b.example", "x.a.example",
    "y.a.example", "x.b.example", "z.x.a.example" };
static const char *const protocols[] = { "\1a", "\1b", "\1c", "\1a\1b",
    "\1b\1c", "\1c\1a\1b" };
static const char *const hosts[] = { "10.0.0.1", "10.1.0.1", "10.1.1.1",
    "192.0.2.1", "2001:db8::1", "2001:db8:1::1" };

static void
make_line(char *line)
{
    static const char *const snis[] = { "sni:a.example ", "sni:-  ",
        "sni:x.a.example ", "sni:*.a.example ", "sni:*.b.example ",
        "sni:*.example ", "", "" };
    static const char *const alpns[] = { "alpn:a ", "alpn:b ", "", "", "" };
    static const char *const nets[] = { "from:10.0.0.0/8", "from:10.1.0.0/16",
        "from:10.1.1.0/24", "from:2001:db8::/32", "", "", "" };
    static const char *const protos[] = { "proto:tls ", "", "" };
    static const char *const others[] = { "proto:ssh ", "proto:other " };
    bool tls = rand() % 4 > 0;

    do {
        line[0] = '\0';
        if (tls)
            strcat(strcat(strcat(line, PICK(snis)), PICK(alpns)),
                PICK(protos));
        else
            strcat(line, PICK(others));
        strcat(line, PICK(nets));
    } while (line[0] == '\0');
}

static struct person
make_person(void)
{
    static const enum match_protocol spoken[] = { MATCH_PROTOCOL_SSH,
        MATCH_PROTOCOL_HTTP, MATCH_PROTOCOL_OTHER, MATCH_PROTOCOL_ANY };
    struct person person = { .protocol = MATCH_PROTOCOL_TLS };

    person.from = rand() % 10 > 0 ? PICK(hosts) : NULL;
    if (rand() % 5 == 0) {
        person.protocol = PICK(spoken);
        return person;
    }
    person.name = rand() % 6 > 0 ? PICK(names) : NULL;
    person.alpn = rand() % 4 > 0 ? PICK(protocols) : NULL;
    return person;
}

static void
make_sheet(struct sheet *sheet)
{
    char line[200];

    *sheet = (struct sheet){ .members = 2 + (size_t)rand() % 6 };
    for (size_t i = rand() % 3 > 0; i < sheet->members; i++)
        for (int lines = 1 + rand() % LINES_MAX; lines > 0; lines--) {
            make_line(line);
            add_line(sheet, i, line);
        }
    make_table(sheet);
}

/* Each tie of the model must have been told of; where nothing was told there is
 * none. */
Test(match_table, agrees_with_a_plain_model)
{
    unsigned tied_sheets = 0, whole_sheets = 0;

    srand(1);
    for (int round = 0; round < 3000; round++) {
        struct told told = { 0 };
        struct sheet sheet;

        make_sheet(&sheet);
        match_ties_find(&sheet.table, note_tie, &told);
        tied_sheets += told.count > 0;
        whole_sheets += told.count == 0;
        for (int i = 0; i < 50; i++) {
            struct person person = make_person();
            struct client_hello hello;
            struct match_client client = describe_person(&person, &hello);
            bool tied;
            int want = model_choose(&sheet, &person, &tied);

            cr_assert(!tied || told.count > 0, "round %d, %d", round, i);
            if (!tied)
                cr_assert_eq(match_table_choose(&sheet.table, &client), want,
                    "round %d, %d", round, i);
        }
        clear_sheet(&sheet);
    }
    cr_expect(tied_sheets > 100 && whole_sheets > 100, "%u, %u", tied_sheets,
        whole_sheets);
}
