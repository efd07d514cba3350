#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/command.h"
#include "config/config.h"
#include "sandbox/privileges.h"
#include "sandbox/sandbox_selftest.h"

static int
test_sandbox(void)
{
    struct error error = { 0 };
    struct account account;
    bool ok = false;

    if (account_find(NULL, NULL, &account, &error)) {
        ok = sandbox_selftest(&account, SANDBOX_ON, stdout, &error);
        account_clear(&account);
    }
    error_print(&error);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* sallyport selftest sandbox: whether this system keeps what we promise. */
int
command_selftest(int count, char *const *arguments)
{
    if (count == 2 && strcmp(arguments[1], "sandbox") == 0)
        return test_sandbox();
    fputs("usage: sallyport selftest sandbox\n", stderr);
    return EXIT_USAGE;
}
