#include "scratch.h"

#include <sys/socket.h>

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/address.h"
#include "base/error.h"

static char folder[] = "/tmp/sallyport-test-XXXXXX";
static bool made;

const char *
scratch_path(const char *name)
{
    static char paths[8][PATH_MAX];
    static size_t next;
    char *path = paths[next++ % 8];

    if (!made)
        cr_assert_not_null(mkdtemp(folder));
    made = true;
    snprintf(path, PATH_MAX, "%s/%s", folder, name);
    return path;
}

void
scratch_remove(void)
{
    DIR *dir = made ? opendir(folder) : NULL;
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL)
        unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir != NULL)
        closedir(dir);
    rmdir(folder);
}

void
scratch_log_open(enum log_level level)
{
    struct error error = { .count = 0 };

    cr_assert(log_open(LOG_FILE, scratch_path("log"), LOG_TEXT, level,
        &error));
}

char *
scratch_read(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t size = 0;

    if (file == NULL)
        return NULL;
    if (getdelim(&text, &size, EOF, file) < 0) {
        free(text);
        text = strdup("");
    }
    fclose(file);
    return text;
}

const char *
scratch_drain(int fd, char *text, size_t size)
{
    int flags = fcntl(fd, F_GETFL);
    size_t length = 0;
    ssize_t got;

    cr_assert_eq(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
    while ((got = read(fd, text + length, size - 1 - length)) > 0)
        length += (size_t)got;
    text[length] = '\0';
    return text;
}

int
scratch_listen(const char *path)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct address address;

    cr_assert(address_from_path(&address, path));
    cr_assert_eq(bind(fd, (struct sockaddr *)&address.storage,
        address.length), 0);
    return fd;
}
