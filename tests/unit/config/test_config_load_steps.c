/* A configuration that is loaded step by step is the one that is loaded at
 * once, faults included. */
#include "config/config_load.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "base/scratch.h"
#include "config/config.h"
#include "config/loading.h"
#include "files/files.h"

enum { SERVICES = 20, TEXT_SIZE = 4000 };

static int bundle = -1;

static void
tear_down(void)
{
    close(bundle);
    scratch_remove();
}

TestSuite(config_load_steps, .fini = tear_down, .timeout = 60);

/* Packs many services, and what else the file says behind them. */
static void
pack(const char *more)
{
    const char *path = scratch_path("x.ini");
    struct error error = { .count = 0 };
    struct files *files = files_on_disk();
    FILE *file = fopen(path, "w");

    cr_assert(file != NULL && files != NULL);
    for (unsigned i = 0; i < SERVICES; i++)
        fprintf(file, "[service s%u]\nlisten = 127.0.0.1:%u\n"
            "connect = 127.0.0.1:%u\n", i, 2000 + i, 3000 + i);
    fputs(more, file);
    fclose(file);
    config_unref(config_load_file_keeping(files, path, &error));
    bundle = files_pack(files, &error);
    cr_assert_geq(bundle, 0);
    files_unref(files);
    error_clear(&error);
}

static struct config *
load_in_steps(size_t *steps, struct error *error)
{
    struct config_loading *loading = config_load_begin(bundle, -1, error);

    *steps = 0;
    if (loading == NULL)
        return NULL;
    while (config_load_step(loading))
        ++*steps;
    return config_load_finish(loading);
}

/* Promise 52 */
Test(config_load_steps, make_what_is_loaded_at_once)
{
    struct error error = { .count = 0 };
    struct config *config, *at_once;
    char *dump, *dump_at_once;
    size_t steps;

    pack("");
    config = load_in_steps(&steps, &error);
    at_once = config_load_bundle(bundle, -1, &error);
    cr_assert(config != NULL && at_once != NULL);
    dump = loading_dump(config);
    dump_at_once = loading_dump(at_once);
    cr_expect_str_eq(dump, dump_at_once);
    cr_expect_eq(config->service_count, SERVICES);
    cr_expect_geq(steps, SERVICES);
    free(dump);
    free(dump_at_once);
    config_unref(config);
    config_unref(at_once);
}

/* Promise 52 */
Test(config_load_steps, find_every_fault)
{
    static const char faulty[] =
        "[service taken]\nlisten = 127.0.0.1:2003\nconnect = 127.0.0.1:1\n"
        "[service ring]\nlisten = 127.0.0.1:4\nconnect = 127.0.0.1:4\n"
        "[service bad]\nlisten = nowhere\nconnect = 127.0.0.1:1\n";
    struct error error = { .count = 0 }, at_once = { .count = 0 };
    size_t steps;

    pack(faulty);
    cr_expect_null(load_in_steps(&steps, &error));
    cr_expect_null(config_load_bundle(bundle, -1, &at_once));
    cr_assert_eq(error.count, 3);
    cr_assert_eq(at_once.count, 3);
    for (size_t i = 0; i < error.count; i++)
        cr_expect_str_eq(error.messages[i], at_once.messages[i]);
    error_clear(&error);
    error_clear(&at_once);
}

Test(config_load_steps, can_be_abandoned_anywhere)
{
    struct error error = { .count = 0 };

    pack("");
    for (size_t steps = 0; steps < 3 * SERVICES; steps++) {
        struct config_loading *loading =
            config_load_begin(bundle, -1, &error);

        cr_assert_not_null(loading);
        for (size_t i = 0; i < steps && config_load_step(loading); i++)
            continue;
        config_load_abandon(loading);
    }
    config_load_abandon(NULL);
    cr_expect_not(error_any(&error));
}

Test(config_load_steps, do_not_begin_without_a_bundle)
{
    struct error error = { .count = 0 };

    cr_expect_null(config_load_begin(-1, -1, &error));
    cr_expect(error_any(&error));
    error_clear(&error);
}
