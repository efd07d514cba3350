/* What the master does before it has read anything. */
#include "master/master.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <stdlib.h>
#include <sysexits.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "sandbox/sandbox.h"

static int loads;

/* A configuration may name keys, which are read as it is. */
static struct config *
load(void *arg, struct error *error)
{
    struct rlimit core;

    cr_expect_eq(arg, &loads);
    loads++;
    cr_expect_eq(getrlimit(RLIMIT_CORE, &core), 0);
    cr_expect_eq(core.rlim_max, 0);
    if (sandbox_is_possible())
        cr_expect_eq(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
    error_add(error, "no configuration, for this is a test");
    return NULL;
}

/* Promise 24 */
Test(master, forbids_dumps_before_keys_are_read)
{
    const struct config_source source = {
        .load = load, .arg = &loads, .path = "a.ini",
    };
    bool loaded = true;

    cr_expect_eq(master_run(&source, &loaded), EX_CONFIG);
    cr_expect_not(loaded);
    cr_expect_eq(loads, 1);
}
