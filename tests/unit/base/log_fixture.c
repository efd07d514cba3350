#include "log_fixture.h"

#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "scratch.h"

static int real_stderr;

void
log_fixture_set_up(void)
{
    real_stderr = dup(STDERR_FILENO);
    unsetenv("JOURNAL_STREAM");
}

void
log_fixture_tear_down(void)
{
    log_close();
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    scratch_remove();
}

void
log_fixture_open(enum log_target target, const char *path)
{
    struct error error = { .count = 0 };

    cr_assert(log_open(target, path, LOG_TEXT, LOG_LEVEL_INFO, &error), "%s",
        error_any(&error) ? error.messages[0] : "");
}
