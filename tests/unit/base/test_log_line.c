#include "base/log_line.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>

#include "scratch.h"

TestSuite(log_line, .fini = scratch_remove);

static const char *
made(struct log_line *line, const struct log_record *record,
    enum log_format format)
{
    log_line_start(line);
    log_line_add(line, record, format, false);
    cr_assert_eq(line->length, strlen(line->text));
    return line->text;
}

Test(log_line, writes_messages)
{
    static const struct {
        const char *service, *message, *text, *json;
    } cases[] = {
        { NULL, "hello", "info hello\n",
            "{\"level\":\"info\",\"message\":\"hello\"}\n" },
        { "web", "hello", "info web: hello\n",
            "{\"level\":\"info\",\"service\":\"web\","
            "\"message\":\"hello\"}\n" },
        { NULL, "", "info \n", "{\"level\":\"info\",\"message\":\"\"}\n" },
        { NULL, "say \"a\\b\"", "info say \"a\\b\"\n",
            "{\"level\":\"info\",\"message\":\"say \\\"a\\\\b\\\"\"}\n" },
        { NULL, "a\ninfo b: forged", "info a\\x0ainfo b: forged\n",
            "{\"level\":\"info\","
            "\"message\":\"a\\\\x0ainfo b: forged\"}\n" },
        { "a\nb\"", "\x1b[2J\x7f\xc2\x9b",
            "info a\\x0ab\\x22: \\x1b[2J\\x7f\\xc2\\x9b\n",
            "{\"level\":\"info\",\"service\":\"a\\\\x0ab\\\\x22\","
            "\"message\":\"\\\\x1b[2J\\\\x7f\\\\xc2\\\\x9b\"}\n" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct log_record record = { .level = LOG_LEVEL_INFO,
            .service = cases[i].service, .message = cases[i].message };
        struct log_line line;

        cr_expect_str_eq(made(&line, &record, LOG_TEXT), cases[i].text);
        cr_expect_str_eq(made(&line, &record, LOG_JSON), cases[i].json);
    }
}

Test(log_line, writes_and_quotes_values)
{
    static const struct { const char *value, *text, *json; } cases[] = {
        { "web", "web", "web" },
        { "192.0.2.1:80", "192.0.2.1:80", "192.0.2.1:80" },
        { "", "\"\"", "" },
        { "a b", "\"a b\"", "a b" },
        { "a=b", "\"a=b\"", "a=b" },
        { "x why=forged", "\"x why=forged\"", "x why=forged" },
        { "a\" why=forged", "\"a\\x22 why=forged\"",
            "a\\\\x22 why=forged" },
        { "a'b", "\"a'b\"", "a'b" },
        { "a\\", "\"a\\x5c\"", "a\\\\x5c" },
        { "a\ninfo end", "\"a\\x0ainfo end\"", "a\\\\x0ainfo end" },
        { "\x1b]0;t\x07", "\"\\x1b]0;t\\x07\"", "\\\\x1b]0;t\\\\x07" },
        { "\xe2\x80\xae", "\"\\xe2\\x80\\xae\"", "\\\\xe2\\\\x80\\\\xae" },
        { "\",\"why\":\"x", "\"\\x22,\\x22why\\x22:\\x22x\"",
            "\\\\x22,\\\\x22why\\\\x22:\\\\x22x" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct log_field fields[] = {
            LOG_STRING("sni", cases[i].value), LOG_NUMBER("up", 7),
        };
        struct log_record record = { .level = LOG_LEVEL_WARN,
            .event = "end", .fields = fields, .count = 2 };
        struct log_line line;
        char want[200];

        snprintf(want, sizeof(want), "warn end sni=%s up=7\n",
            cases[i].text);
        cr_expect_str_eq(made(&line, &record, LOG_TEXT), want);
        snprintf(want, sizeof(want), "{\"level\":\"warn\",\"event\":\"end\","
            "\"sni\":\"%s\",\"up\":7}\n", cases[i].json);
        cr_expect_str_eq(made(&line, &record, LOG_JSON), want);
    }
}

Test(log_line, leaves_out_fields_without_a_value)
{
    const struct log_field fields[] = {
        LOG_STRING("a", NULL), LOG_NUMBER("b", 0),
        LOG_NUMBER("c", UINT64_MAX), LOG_STRING("d", NULL),
    };
    struct log_record record = { .level = LOG_LEVEL_DEBUG, .event = "state",
        .fields = fields, .count = COUNT(fields) };
    struct log_line line;

    cr_expect_str_eq(made(&line, &record, LOG_TEXT),
        "debug state b=0 c=18446744073709551615\n");
    cr_expect_str_eq(made(&line, &record, LOG_JSON),
        "{\"level\":\"debug\",\"event\":\"state\",\"b\":0,"
        "\"c\":18446744073709551615}\n");
    record.count = 0;
    cr_expect_str_eq(made(&line, &record, LOG_TEXT), "debug state\n");
}

/* Where the digits stand, for a time in UTC to the millisecond. */
static void
expect_time(const char *text)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddZ";

    for (size_t i = 0; i < sizeof(shape) - 1; i++)
        if (shape[i] == 'd')
            cr_assert(isdigit((unsigned char)text[i]), "%s", text);
        else
            cr_assert_eq(text[i], shape[i], "%s", text);
}

static time_t
time_of(const char *text)
{
    struct tm tm = { 0 };

    cr_assert_not_null(strptime(text, "%Y-%m-%dT%H:%M:%S", &tm));
    return timegm(&tm);
}

Test(log_line, carries_the_time_in_utc)
{
    struct log_record record = { .level = LOG_LEVEL_ERROR, .message = "m" };
    struct log_line line;

    setenv("TZ", "Asia/Kathmandu", 1);
    tzset();
    log_line_start(&line);
    log_line_add(&line, &record, LOG_TEXT, true);
    expect_time(line.text);
    cr_expect_lt(labs(time(NULL) - time_of(line.text)), 60);
    cr_expect_str_eq(line.text + 24, " error m\n");
    log_line_start(&line);
    log_line_add(&line, &record, LOG_JSON, true);
    cr_expect_eq(strncmp(line.text, "{\"time\":\"", 9), 0);
    expect_time(line.text + 9);
    cr_expect_str_eq(line.text + 33,
        "\",\"level\":\"error\",\"message\":\"m\"}\n");
}

Test(log_line, writes_fields_for_the_journal)
{
    const struct log_field fields[] = {
        LOG_STRING("service", "web"),
        LOG_STRING("listen.sni", "a\nPRIORITY=0\n_PID=1"),
        LOG_STRING("none", NULL),
        LOG_NUMBER("up_bytes", 12),
    };
    struct log_record record = { .level = LOG_LEVEL_INFO, .event = "end",
        .fields = fields, .count = COUNT(fields) };
    struct log_line line;

    log_line_start(&line);
    log_line_add_journal(&line, &record);
    cr_expect_str_eq(line.text,
        "SALLYPORT_EVENT=end\n"
        "SALLYPORT_SERVICE=web\n"
        "SALLYPORT_LISTEN_SNI=a\\x0aPRIORITY=0\\x0a_PID=1\n"
        "SALLYPORT_UP_BYTES=12\n");
    record = (struct log_record){ .service = "web", .message = "m" };
    log_line_start(&line);
    log_line_add_journal(&line, &record);
    cr_expect_str_eq(line.text, "SALLYPORT_SERVICE=web\n");
}

static char *
filled(char byte, size_t length)
{
    char *text = malloc(length + 1);

    cr_assert_not_null(text);
    memset(text, byte, length);
    text[length] = '\0';
    return text;
}

/* Every length around the bound, for bytes of every width. */
Test(log_line, bounds_a_message_and_shows_the_cut)
{
    for (size_t length = 600; length < 4300; length++)
        for (const char *byte = "a\"\n"; *byte != '\0'; byte++) {
            char *message = filled(*byte, length);
            struct log_record record = { .level = LOG_LEVEL_INFO,
                .service = "web", .message = message };
            struct log_line line;
            size_t width = *byte == '\n' ? 4 : 1;

            made(&line, &record, LOG_TEXT);
            cr_assert_leq(line.length, LOG_LINE_SIZE);
            if (length * width > LOG_LINE_SIZE)
                cr_assert_str_eq(line.text + line.length - 4, "...\n");
            made(&line, &record, LOG_JSON);
            cr_assert_leq(line.length, LOG_LINE_SIZE);
            cr_assert_str_eq(line.text + line.length - 3, "\"}\n");
            free(message);
        }
}

Test(log_line, bounds_values_and_keeps_later_fields)
{
    char *value = filled('a', 5000);
    const struct log_field fields[] = {
        LOG_STRING("sni", value), LOG_STRING("why", "truncated"),
    };
    struct log_record record = { .level = LOG_LEVEL_INFO, .event = "end",
        .fields = fields, .count = COUNT(fields) };
    struct log_line line;

    made(&line, &record, LOG_TEXT);
    cr_expect_not_null(strstr(line.text, "aaa... why=truncated\n"));
    cr_expect_lt(line.length, 1100);
    made(&line, &record, LOG_JSON);
    cr_expect_not_null(strstr(line.text, "aaa...\",\"why\":\"truncated\"}\n"));
    free(value);
}

Test(log_line, says_that_fields_had_no_room)
{
    char *value = filled('\n', 300);
    const struct log_field fields[] = {
        LOG_STRING("a", value), LOG_STRING("b", value),
        LOG_STRING("c", value), LOG_STRING("d", value),
        LOG_STRING("e", value), LOG_STRING("f", value),
    };
    struct log_record record = { .level = LOG_LEVEL_INFO, .event = "end",
        .fields = fields, .count = COUNT(fields) };
    struct log_line line;

    made(&line, &record, LOG_TEXT);
    cr_expect_leq(line.length, LOG_LINE_SIZE);
    cr_expect_str_eq(line.text + line.length - 10, " more=...\n");
    made(&line, &record, LOG_JSON);
    cr_expect_leq(line.length, LOG_LINE_SIZE);
    cr_expect_str_eq(line.text + line.length - 15, ",\"more\":\"...\"}\n");
    log_line_start(&line);
    log_line_add_journal(&line, &record);
    cr_expect_leq(line.length, LOG_LINE_SIZE);
    cr_expect_eq(line.text[line.length - 1], '\n');
    free(value);
}

/* The last field meets every amount of room that can be left. */
Test(log_line, fits_a_field_into_any_room)
{
    for (size_t length = 0; length < 1024; length++) {
        char *full = filled('a', 1024), *rest = filled('b', length);
        const struct log_field fields[] = {
            LOG_STRING("a", full), LOG_STRING("b", full),
            LOG_STRING("c", full), LOG_STRING("d", rest),
            LOG_STRING("last", "a longer value"), LOG_NUMBER("n", 1234567),
        };
        struct log_record record = { .level = LOG_LEVEL_INFO,
            .event = "end", .fields = fields, .count = COUNT(fields) };
        struct log_line line;

        for (enum log_format format = LOG_TEXT; format <= LOG_JSON; format++) {
            made(&line, &record, format);
            cr_assert_leq(line.length, LOG_LINE_SIZE);
            cr_assert_eq(line.text[line.length - 1], '\n');
            cr_assert_eq(strstr(line.text, "more") == NULL,
                strstr(line.text, "last") != NULL &&
                strstr(line.text, "1234567") != NULL);
        }
        log_line_start(&line);
        log_line_add_journal(&line, &record);
        cr_assert_leq(line.length, LOG_LINE_SIZE);
        cr_assert_eq(line.text[line.length - 1], '\n');
        free(full);
        free(rest);
    }
}

/* Python's parser judges; it also sees that nothing but printable ASCII comes
 * out of a value once it is decoded. */
static const char judge[] =
    "import json, sys\n"
    "lines = open(sys.argv[1], 'rb').read().split(b'\\n')\n"
    "assert lines.pop() == b''\n"
    "for line in lines:\n"
    "    assert len(line) < 4096, len(line)\n"
    "    seen = json.loads(line.decode('ascii'),\n"
    "        object_pairs_hook=lambda pairs: pairs)\n"
    "    names = [name for name, value in seen]\n"
    "    assert len(set(names)) == len(names), line\n"
    "    for name, value in seen:\n"
    "        assert isinstance(value, int) or value.isprintable() and\\\n"
    "            value.isascii(), line\n"
    "print(len(lines), 'good')\n";

static void
fill_hostile(char *text, size_t size)
{
    size_t length = (size_t)random() % size;

    for (size_t i = 0; i < length; i++)
        text[i] = (char)(random() % 3 ? 1 + random() % 255 :
            "\"\\\n{},:"[random() % 7]);
    text[length] = '\0';
}

static void
write_hostile_lines(FILE *file)
{
    char a[3000], b[5000];
    const struct log_field fields[] = {
        LOG_STRING("a", a), LOG_STRING("b", b), LOG_NUMBER("c", 42),
        LOG_STRING("d", a), LOG_STRING("e", b),
    };
    struct log_record event = { .event = "end", .fields = fields,
        .count = COUNT(fields) };
    struct log_record message = { .service = a, .message = b };
    struct log_line line;

    for (int i = 0; i < 3000; i++) {
        fill_hostile(a, i % 2 ? sizeof(a) : 20);
        fill_hostile(b, i % 3 ? sizeof(b) : 700);
        fputs(made(&line, i % 5 ? &event : &message, LOG_JSON), file);
    }
}

Test(log_line, makes_json_that_another_parser_takes)
{
    const char *script = scratch_path("judge.py");
    const char *lines = scratch_path("lines");
    char command[200], answer[100] = "";
    FILE *file;

    srandom(7);
    file = fopen(script, "w");
    fputs(judge, file);
    fclose(file);
    file = fopen(lines, "w");
    write_hostile_lines(file);
    fclose(file);

    snprintf(command, sizeof(command), "LD_PRELOAD= python3 %s %s", script,
        lines);
    file = popen(command, "r");
    cr_expect_not_null(fgets(answer, sizeof(answer), file));
    cr_expect_eq(pclose(file), 0);
    cr_expect_str_eq(answer, "3000 good\n");
}
