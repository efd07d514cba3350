#include "base/log_output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "base/log.h"
#include "base/log_fixture.h"
#include "base/scratch.h"

static const char *path;

static void
open_target(const char *name)
{
    struct error error = { 0 };
    struct log_sink sink;

    path = scratch_path(name);
    cr_assert(log_sink_open(&sink, LOG_FILE, path, &error));
    log_output_replace(&sink);
}

static void
set_up(void)
{
    log_fixture_set_up();
    open_target("log");
}

TestSuite(log_output, .init = set_up, .fini = log_fixture_tear_down,
    .timeout = 30);

static void
emit(const char *message)
{
    log_output_emit(&(struct log_record){
        .level = LOG_LEVEL_INFO, .message = message,
    });
}

static void
forward(const char *text)
{
    log_output_forward(&(struct log_sent){
        .level = LOG_LEVEL_INFO, .text = text, .length = strlen(text),
    }, 42);
}

/* How many lines the file has, and whether the last ends with `words`. */
static size_t
count_lines(const char *words)
{
    char *text = scratch_read(path);
    size_t count = 0;

    cr_assert_not_null(text, "%s", path);
    for (const char *at = text; *at != '\0'; at++)
        count += *at == '\n';
    if (words != NULL)
        cr_expect_not_null(strstr(text, words), "%s: %s", words, text);
    free(text);
    return count;
}

/* Lines of children wait for more of them, and go before this process's own. */
Test(log_output, keeps_the_order_of_lines)
{
    forward("2026-11-30T00:00:00.000Z info of a child");
    cr_expect_eq(count_lines(NULL), 0);
    emit("of the parent");
    cr_expect_eq(count_lines("of a child\n"), 2);
    forward("2026-11-30T00:00:00.000Z info of another");
    log_output_flush();
    cr_expect_eq(count_lines("of another\n"), 3);
}

Test(log_output, writes_what_is_held_back_to_the_target_it_was_for)
{
    const char *first = path;

    forward("2026-11-30T00:00:00.000Z info early");
    open_target("second");
    emit("late");
    cr_expect_eq(count_lines("late\n"), 1);
    path = first;
    cr_expect_eq(count_lines("early\n"), 1);
}

Test(log_output, has_no_target_once_it_is_closed)
{
    cr_expect_not_null(log_output_sink());
    log_output_close();
    cr_expect_null(log_output_sink());
}

Test(log_output, leaves_errno_alone)
{
    errno = EDOM;
    emit("x");
    cr_expect_eq(errno, EDOM);
}
