#include "master/names_files.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "files/files.h"
#include "files/watch.h"
#include "net/resolver_files.h"

/* To open a file whose file system does not answer would hold up the master. */
static void
on_changed(void *arg)
{
    struct names_files *names = arg;
    struct strings silent = { 0 };

    if (watch_silent(names->watch, &silent) && silent.count == 0)
        names_files_look(names);
    strings_clear(&silent);
}

void
names_files_init(struct names_files *names, struct event_base *base,
    void (*changed)(void *arg), void *arg)
{
    *names = (struct names_files){
        .fd = -1,
        .base = base,
        .changed = changed,
        .arg = arg,
    };
}

static void
watch_files(struct names_files *names)
{
    char *paths[RESOLVER_FILE_COUNT];

    for (size_t i = 0; i < RESOLVER_FILE_COUNT; i++)
        paths[i] = (char *)resolver_file[i].path;
    if (names->watch == NULL)
        names->watch = watch_new(names->base, on_changed, names);
    if (names->watch == NULL ||
        !watch_set(names->watch, paths, COUNT(paths)))
        log_error(NULL, "%s and %s are not watched: out of memory",
            resolver_file[RESOLVER_FILE_HOSTS].path,
            resolver_file[RESOLVER_FILE_RESOLV_CONF].path);
}

/* A file that is missing or cannot be read counts as empty; the latter is
 * logged. */
static struct files *
read_names_files(void)
{
    struct files *files = files_on_disk();

    for (size_t i = 0; files != NULL && i < RESOLVER_FILE_COUNT; i++) {
        struct file_content content;
        enum file_result result = files_read(files, FILE_FOR_CONFIG,
            resolver_file[i].path, resolver_file[i].limit, &content);

        if (result == FILE_DONE)
            files_release(&content);
        else if (content.why != ENOENT)
            log_warn(NULL, "cannot read %s, resolving names without it: %s",
                resolver_file[i].path,
                content.why != 0 ? strerror(content.why)
                                 : "it is no file of a size to be read");
    }
    return files;
}

static bool
is_same_names_file(struct files *a, struct files *b, size_t index)
{
    struct file_content before, now;
    enum file_result was = files_read(a, FILE_FOR_CONFIG,
        resolver_file[index].path, resolver_file[index].limit, &before);
    enum file_result is = files_read(b, FILE_FOR_CONFIG,
        resolver_file[index].path, resolver_file[index].limit, &now);
    bool same = was == is;

    if (was == FILE_DONE && is == FILE_DONE)
        same = before.length == now.length &&
            memcmp(before.text, now.text, now.length) == 0;
    files_release(&before);
    files_release(&now);
    return same;
}

static bool
have_changed(struct files *before, struct files *now)
{
    if (before == NULL)
        return true;
    for (size_t i = 0; i < RESOLVER_FILE_COUNT; i++)
        if (!is_same_names_file(before, now, i))
            return true;
    return false;
}

/* Takes `files`. */
static void
replace_files(struct names_files *names, struct files *files)
{
    struct error error = { 0 };
    int fd = files_pack(files, &error);

    for (size_t i = 0; i < error.count; i++)
        log_error(NULL, "cannot reload the files by which names are resolved, "
            "keeping the previous ones: %s", error.messages[i]);
    error_clear(&error);
    if (fd < 0) {
        files_unref(files);
        return;
    }
    if (names->fd >= 0)
        close(names->fd);
    files_unref(names->files);
    names->files = files;
    names->fd = fd;
    names->changed(names->arg);
}

void
names_files_look(struct names_files *names)
{
    struct files *files;

    watch_files(names); /* first: so that no change is missed */
    files = read_names_files();
    if (files == NULL || !have_changed(names->files, files)) {
        files_unref(files);
        return;
    }
    replace_files(names, files);
}

void
names_files_stop(struct names_files *names)
{
    watch_free(names->watch);
    files_unref(names->files);
    if (names->fd >= 0)
        close(names->fd);
    names_files_init(names, names->base, names->changed, names->arg);
}
