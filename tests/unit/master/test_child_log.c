#include "master/child_log.h"

#include <event2/event.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "base/log.h"
#include "base/scratch.h"

enum { TEXT_SIZE = 4096, NO_EVENT_LEFT = 1 };

static struct event_base *base;
static struct child_log child;
static int writer;

static void
set_up(void)
{
    int ends[2];

    scratch_log_open(LOG_LEVEL_INFO);
    base = event_base_new();
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    writer = ends[1];
    cr_assert(child_log_start(&child, base, ends[0], "worker 0", 123));
}

static void
tear_down(void)
{
    child_log_stop(&child);
    event_base_free(base);
    log_close();
    scratch_remove();
}

TestSuite(child_log, .init = set_up, .fini = tear_down, .timeout = 20);

static bool
is_logged(const char *text)
{
    static char all[TEXT_SIZE];
    FILE *file = fopen(scratch_path("log"), "r");
    size_t length = file != NULL ? fread(all, 1, sizeof(all) - 1, file) : 0;

    all[length] = '\0';
    if (file != NULL)
        fclose(file);
    return strstr(all, text) != NULL;
}

static void
write_text(const char *text)
{
    cr_assert_eq(write(writer, text, strlen(text)), (ssize_t)strlen(text));
}

/* A child that closes its standard error lives on, and wakes no process by that:
 * with no event left the loop ends by itself. */
Test(child_log, is_not_looked_at_after_its_end)
{
    write_text("first words\n");
    event_base_loop(base, EVLOOP_ONCE);
    cr_expect(is_logged("first words"));
    write_text("last words\nand a rest");
    close(writer);
    cr_expect_eq(event_base_dispatch(base), NO_EVENT_LEFT);
    cr_expect(is_logged("last words"));
    cr_expect_not(is_logged("and a rest"));
    child_log_drain(&child); /* it has ended */
    cr_expect(is_logged("and a rest"));
}

Test(child_log, is_looked_at_again_while_it_may_be_written)
{
    for (unsigned i = 0; i < 3; i++) {
        char text[32];

        snprintf(text, sizeof(text), "words %u\n", i);
        write_text(text);
        while (!is_logged(strtok(text, "\n")))
            cr_assert_eq(event_base_loop(base, EVLOOP_ONCE), 0);
    }
    close(writer);
}
