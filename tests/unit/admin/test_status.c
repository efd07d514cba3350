#include "admin/status.h"

#include <event2/buffer.h>
#include <jansson.h>

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "admin/status_facts.h"
#include "admin/status_words.h"
#include "base/scoreboard.h"

enum { KIND_WORKER = 2 };

static struct scoreboard *board;
static unsigned worker, web;
static struct status_facts facts = {
    .version = "0.1.0", .config = "/etc/x.ini", .pid = 99, .started_ms = 1000,
    .generation = 3, .workers = 2, .sandbox = "on",
    .not_enforced = "TCP; UDP", .reload = RELOAD_FAILED,
    .reload_s = 1767323045, .reload_text = "x.ini:1: \"no\"",
};

static const char *
kind_name(int kind)
{
    return kind == KIND_WORKER ? "worker" : "?";
}

static struct status status = {
    .facts = &facts, .kind_name = kind_name, .now_ms = 62000,
};

static void
count(unsigned service)
{
    for (int i = 0; i < 5; i++)
        scoreboard_gauge_enter(board, worker, service);
    scoreboard_count(board, worker, service, METRIC_ACCEPTED, 70);
    scoreboard_count(board, worker, service, METRIC_ENDED_BADLY, 8);
    scoreboard_count(board, worker, service, METRIC_UP_BYTES, 5000000000);
    scoreboard_count(board, worker, service, METRIC_DOWN_BYTES, 11);
    for (unsigned i = 0; i < 4; i++)
        scoreboard_count(
            board, worker, service, METRIC_TLS_HANDSHAKES + i, 20 + i);
}

static void
open_board(void)
{
    board = scoreboard_new();
    cr_assert_not_null(board);
    status.board = board;
    web = scoreboard_service_index(board, "web");
    scoreboard_service_index(board, "\x1b[31m\"\n");
    worker = scoreboard_slot_take(board, KIND_WORKER, 0);
    scoreboard_slot_set_pid(board, worker, 1234);
    count(web);
    count(SCOREBOARD_ALL);
}

static void
close_board(void)
{
    scoreboard_free(board);
}

TestSuite(status, .init = open_board, .fini = close_board);

static char *
text_of(bool (*print)(const struct status *, struct evbuffer *))
{
    struct evbuffer *out = evbuffer_new();
    char *text;

    cr_assert(print(&status, out));
    text = strndup((const char *)evbuffer_pullup(out, -1),
        evbuffer_get_length(out));
    evbuffer_free(out);
    for (const char *each = text; *each != '\0'; each++)
        cr_assert((*each >= ' ' && *each <= '~') || *each == '\n');
    return text;
}

/* The words of the line that begins with `first`, one blank between them. */
static const char *
row(const char *text, const char *first)
{
    static char words[400];
    size_t length = 0;

    while (text != NULL && strncmp(text, first, strlen(first)) != 0) {
        text = strchr(text, '\n');
        text = text != NULL ? text + 1 : NULL;
    }
    cr_assert_not_null(text, "no line begins with %s", first);
    for (; *text != '\n' && length < sizeof(words) - 1; text++)
        if (*text != ' ' || words[length - 1] != ' ')
            words[length++] = *text;
    words[length] = '\0';
    return words;
}

Test(status, is_a_table)
{
    char *text = text_of(status_text);

    cr_expect_str_eq(row(text, "sallyport"), "sallyport 0.1.0, up 1m 1s");
    cr_expect_str_eq(row(text, "configuration"),
        "configuration /etc/x.ini, generation 3");
    cr_expect_str_eq(row(text, "last reload"),
        "last reload 2026-01-02T03:04:05Z, failed: x.ini:1: \"no\"");
    cr_expect_str_eq(row(text, "workers"), "workers 2");
    cr_expect_str_eq(row(text, "sandbox"), "sandbox on");
    cr_expect_str_eq(row(text, "not enforced"), "not enforced TCP; UDP");
    cr_expect_str_eq(row(text, "master"), "master 99 -");
    cr_expect_str_eq(row(text, "worker 0"), "worker 0 1234 5");
    cr_expect_str_eq(row(text, "web"), "web 5 70 5000000000 11 8");
    cr_expect_str_eq(row(text, "(all)"), "(all) 5 70 5000000000 11 8");
    cr_expect_str_eq(row(text, "\\x1b"),
        "\\x1b[31m\\x22\\x0a 0 0 0 0 0");
    free(text);
}

Test(status, without_the_master_is_what_the_board_says)
{
    char *text;

    status.facts = NULL;
    text = text_of(status_text);
    cr_expect_str_eq(row(text, "the master did not"),
        "the master did not answer: what follows is from its children alone");
    cr_expect_str_eq(row(text, "web"), "web 5 70 5000000000 11 8");
    free(text);
}

static json_t *
json_of(void)
{
    char *text = text_of(status_json);
    json_t *whole = json_loads(text, 0, NULL);

    free(text);
    cr_assert_not_null(whole);
    return whole;
}

static json_int_t
integer(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);

    cr_assert(json_is_integer(value), "no %s", key);
    return json_integer_value(value);
}

static const char *
string(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);

    cr_assert(json_is_string(value), "no %s", key);
    return json_string_value(value);
}

static json_int_t
of_labels(json_t *object, const char *leg, const char *version)
{
    json_t *handshakes = json_object_get(object, "tls_handshakes");

    return integer(json_object_get(handshakes, leg), version);
}

Test(status, is_json)
{
    json_t *whole = json_of();
    json_t *master = json_object_get(whole, "master");
    json_t *reload = json_object_get(master, "last_reload");
    json_t *process =
        json_array_get(json_object_get(whole, "processes"), 0);
    json_t *services = json_object_get(whole, "services");

    cr_expect_str_eq(string(master, "version"), "0.1.0");
    cr_expect_str_eq(string(master, "configuration"), "/etc/x.ini");
    cr_expect_eq(integer(master, "pid"), 99);
    cr_expect_eq(integer(master, "uptime_ms"), 61000);
    cr_expect_eq(integer(master, "generation"), 3);
    cr_expect_eq(integer(master, "workers_wanted"), 2);
    cr_expect_str_eq(string(reload, "result"), "failed");
    cr_expect_str_eq(string(reload, "time"), "2026-01-02T03:04:05Z");
    cr_expect_str_eq(string(reload, "text"), "x.ini:1: \"no\"");
    cr_expect_str_eq(string(process, "role"), "worker");
    cr_expect_eq(integer(process, "number"), 0);
    cr_expect_eq(integer(process, "pid"), 1234);
    cr_expect_eq(integer(process, "active"), 5);
    cr_assert_eq(json_array_size(services), 2);
    cr_expect_str_eq(string(json_array_get(services, 0), "name"), "web");
    cr_expect_str_eq(string(json_array_get(services, 1), "name"),
        "\\x1b[31m\\x22\\x0a");
    for (size_t i = 0; i < 2; i++) {
        json_t *object = i == 0 ? json_array_get(services, 0)
                                : json_object_get(whole, "all");

        cr_expect_eq(integer(object, "active"), 5);
        cr_expect_eq(integer(object, "accepted"), 70);
        cr_expect_eq(integer(object, "ended_badly"), 8);
        cr_expect_eq(integer(object, "up_bytes"), 5000000000);
        cr_expect_eq(integer(object, "down_bytes"), 11);
        cr_expect_eq(integer(object, "handed_over"), 0);
        cr_expect_eq(of_labels(object, "listen", "1.2"), 20);
        cr_expect_eq(of_labels(object, "listen", "1.3"), 21);
        cr_expect_eq(of_labels(object, "connect", "1.2"), 22);
        cr_expect_eq(of_labels(object, "connect", "1.3"), 23);
        cr_expect_eq(json_object_size(object),
            metrics_count() + (i == 0));
    }
    json_decref(whole);
}

Test(status, is_json_without_the_master_and_before_a_reload)
{
    json_t *whole;

    facts.reload = RELOAD_NONE;
    whole = json_of();
    cr_expect(json_is_null(json_object_get(
        json_object_get(whole, "master"), "last_reload")));
    json_decref(whole);
    status.facts = NULL;
    whole = json_of();
    cr_expect(json_is_null(json_object_get(whole, "master")));
    json_decref(whole);
}

Test(status, tells_spans_in_two_units)
{
    static const struct { uint64_t ms; const char *want; } cases[] = {
        { 0, "0s" }, { 59999, "59s" }, { MINUTES(1), "1m 0s" },
        { HOURS(1) - 1, "59m 59s" }, { HOURS(25), "1d 1h" },
        { DAYS(400), "400d 0h" },
    };
    char text[STATUS_TIME_SIZE];

    for (size_t i = 0; i < COUNT(cases); i++)
        cr_expect_str_eq(status_span(cases[i].ms, text), cases[i].want);
    status_time(UINT64_MAX, text);
    cr_expect_lt(strlen(text), sizeof(text));
}
