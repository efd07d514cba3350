/* The configuration files that we ship are good ones. */
#include <glob.h>
#include <stdlib.h>

#include <criterion/criterion.h>

#include "config/config_load.h"
#include "loading.h"

static size_t
load_all(const char *pattern)
{
    glob_t files;
    size_t count;

    cr_assert_eq(glob(pattern, 0, NULL, &files), 0, "%s", pattern);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        struct error error = { 0 };
        struct config *config = config_load_file(files.gl_pathv[i], &error);

        for (size_t j = 0; j < error.count; j++)
            cr_log_error("%s", error.messages[j]);
        cr_expect_not_null(config, "%s", files.gl_pathv[i]);
        config_unref(config);
        error_clear(&error);
    }
    count = files.gl_pathc;
    globfree(&files);
    return count;
}

Test(config_examples, load)
{
    cr_expect_geq(load_all(SOURCE_DIR "/conf/*.ini"), 1);
    cr_expect_geq(load_all(SOURCE_DIR "/conf/examples/*.ini"), 5);
}
