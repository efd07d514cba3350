#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "cli/command.h"
#include "config/config.h"
#include "sandbox/privileges.h"
#include "sandbox/sandbox_selftest.h"

/* sallyport selftest sandbox: whether this system keeps what we promise. */
int
command_selftest(const struct command_line *line)
{
    struct error error = { 0 };
    struct account account;
    bool ok = false;

    (void)line;
    if (account_find(NULL, NULL, &account, &error)) {
        ok = sandbox_selftest(&account, SANDBOX_ON, stdout, &error);
        account_clear(&account);
    }
    error_print(&error);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
