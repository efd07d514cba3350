#include "bundled.h"

#include <stdio.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "base/scratch.h"
#include "config/config.h"
#include "config/config_load.h"
#include "files/files.h"
#include "tls/tls_files.h"

int
bundled_text(const char *text)
{
    const char *path = scratch_path("x.ini");
    struct error error = { 0 };
    struct files *files = files_on_disk();
    FILE *file = fopen(path, "w");
    struct config *config;
    int fd;

    cr_assert(file != NULL && files != NULL);
    fputs(text, file);
    fclose(file);
    config = config_load_file_keeping(files, path, &error);
    cr_assert_not_null(config, "%s", error.count > 0 ? error.messages[0] : "");
    tls_files_gather(config);
    fd = files_pack(files, &error);
    cr_assert_geq(fd, 0);
    unlink(path); /* it is in the bundle */
    config_unref(config);
    files_unref(files);
    error_clear(&error);
    return fd;
}
