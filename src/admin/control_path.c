#include "admin/control_path.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/control_taken.h"
#include "base/address.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/path_why.h"
#include "net/unix_path.h"

#define ROOT_FOLDER "/run/sallyport"

enum { BACKLOG = 16 };

/* The name must be the same in every version and on every machine.  Two files of
 * one user with the same digest would take work to find, and then the second
 * daemon is refused the path. */
static uint64_t
digest_path(const char *text)
{
    return hash64_text(HASH64_BASIS, text);
}

/* Whether the service manager has made root's folder for this process, which it
 * started as another user (RuntimeDirectory= of systemd.exec(5)). */
static bool
is_given_root_folder(void)
{
    const char *at = getenv("RUNTIME_DIRECTORY");
    size_t length = strlen(ROOT_FOLDER);

    for (; at != NULL; at = strchr(at, ':')) {
        at += *at == ':';
        if (strncmp(at, ROOT_FOLDER, length) == 0 &&
            (at[length] == '\0' || at[length] == ':'))
            return true;
    }
    return false;
}

/* The folder of automatic paths.  False: too long. */
static bool
automatic_folder(char folder[PATH_MAX])
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    int length;

    if (geteuid() == 0 || is_given_root_folder())
        length = snprintf(folder, PATH_MAX, ROOT_FOLDER);
    else if (runtime != NULL && runtime[0] == '/')
        length = snprintf(folder, PATH_MAX, "%s/sallyport", runtime);
    else
        length = snprintf(folder, PATH_MAX, "/tmp/sallyport-%ju",
            (uintmax_t)geteuid());
    return length > 0 && length < PATH_MAX;
}

/* One name for each file.  A file that is not there at the moment has a folder
 * that is; NULL: not even that. */
static char *
real_name(const char *config)
{
    const char *slash = strrchr(config, '/');
    const char *base = slash != NULL ? slash + 1 : config;
    char *whole = realpath(config, NULL), *named, *folder;

    if (whole != NULL)
        return whole;
    named = slash == NULL ? strdup(".")
        : strndup(config, slash == config ? 1 : (size_t)(slash - config));
    folder = named != NULL ? realpath(named, NULL) : NULL;
    if (folder != NULL && asprintf(&whole, "%s/%s", folder, base) < 0)
        whole = NULL;
    free(folder);
    free(named);
    return whole;
}

static char *
automatic_path(const char *config)
{
    char folder[PATH_MAX], *path;
    char *name = real_name(config);
    int length = -1;

    if (automatic_folder(folder))
        length = asprintf(&path, "%s/%016" PRIx64 ".control", folder,
            digest_path(name != NULL ? name : config));
    free(name);
    return length >= 0 ? path : NULL;
}

char *
control_path(const char *config, const char *control, struct error *error)
{
    char *path;

    if (strcmp(control, "none") == 0)
        return NULL;
    if (strcmp(control, "auto") != 0)
        path = strdup(control);
    else if (config != NULL)
        path = automatic_path(config);
    else
        return NULL;
    if (path == NULL)
        error_no_memory(error);
    return path;
}

/* In /tmp another user may have made the folder, or a link, before us. */
static bool
judge_folder(const char *folder, struct error *error)
{
    char user[PATH_ACCOUNT_SIZE];
    struct stat file;

    if (lstat(folder, &file) < 0) {
        error_add(error, "control: cannot look at %s: %s", folder,
            strerror(errno));
        return false;
    }
    if (!S_ISDIR(file.st_mode))
        error_add(error, "control: %s is not a directory; remove it, or set "
            "control in [global] to another path", folder);
    else if (file.st_uid != geteuid())
        error_add(error, "control: %s is a directory of user %s, where only a "
            "daemon of that user has a control socket; set control in [global] "
            "to another path", folder, path_why_user(file.st_uid, user));
    else if ((file.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        error_add(error, "control: %s may be changed by other users; chmod "
            "go-w %s", folder, folder);
    else
        return true;
    return false;
}

static bool
make_folder(const char *folder, struct error *error)
{
    mode_t mode = strcmp(folder, ROOT_FOLDER) == 0 ? 0755 : 0700;
    mode_t before = umask(0);
    int made = mkdir(folder, mode), why = errno;

    umask(before);
    if (made < 0 && why != EEXIST) {
        error_add(error, "control: cannot make the directory %s: %s", folder,
            strerror(why));
        return false;
    }
    return judge_folder(folder, error);
}

static bool
prepare_folder(const char *path, struct error *error)
{
    const char *slash = strrchr(path, '/');
    char folder[PATH_MAX];

    if (slash == NULL || !automatic_folder(folder) ||
        strlen(folder) != (size_t)(slash - path) ||
        strncmp(folder, path, strlen(folder)) != 0)
        return true;
    return make_folder(folder, error);
}

/* Under a umask, so that there is no moment at which others may connect. */
static int
bind_path(const struct address *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t before = umask(0177);
    bool ok = fd >= 0 &&
        bind(fd, (const struct sockaddr *)&address->storage,
            address->length) == 0 &&
        listen(fd, BACKLOG) == 0;
    int why = errno;

    umask(before);
    if (!ok && fd >= 0)
        close(fd);
    errno = why;
    return ok ? fd : -1;
}

int
control_listen(const char *path, struct error *error)
{
    struct unix_path_fault fault;
    struct address address;
    char why[PATH_WHY_SIZE];
    int fd;

    if (!address_from_path(&address, path)) {
        error_add(error, "control: %s: longer than the name of a socket may "
            "be; set control in [global] to a shorter path", path);
        return -1;
    }
    if (control_is_taken(path, error) || !prepare_folder(path, error))
        return -1;
    if (!unix_path_clear(path, &fault)) {
        error_add(error, "control: %s: %s: %s%s", path, fault.what,
            strerror(errno), fault.advice);
        return -1;
    }
    fd = bind_path(&address);
    if (fd < 0)
        error_add(error, "control: cannot listen on %s: %s", path,
            path_why(path, PATH_WRITE, errno, why));
    return fd;
}

void
control_remove(const char *path)
{
    struct unix_path_fault fault;

    (void)!unix_path_clear(path, &fault);
}

/* Root decides whose daemon serves there: root alone could make the folder for
 * another user. */
static bool
is_keeper_of_root_folder(const char *path, uid_t uid)
{
    size_t length = strlen(ROOT_FOLDER);
    struct stat folder;

    return strncmp(path, ROOT_FOLDER "/", length + 1) == 0 &&
        strchr(path + length + 1, '/') == NULL &&
        lstat(ROOT_FOLDER, &folder) == 0 && S_ISDIR(folder.st_mode) &&
        folder.st_uid == uid;
}

static bool
judge_server(int fd, const char *path, struct error *error)
{
    struct ucred server;
    socklen_t length = sizeof(server);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &server, &length) < 0) {
        error_add(error, "cannot tell which user answers at %s: %s", path,
            strerror(errno));
        return false;
    }
    if (server.uid == 0 || server.uid == geteuid() ||
        is_keeper_of_root_folder(path, server.uid))
        return true;
    error_add(error, "the process that answers at %s is of user %ju, neither "
        "root nor you; nothing was sent to it", path, (uintmax_t)server.uid);
    return false;
}

int
control_connect(const char *path, const char *advice, struct error *error)
{
    /* A daemon with a full queue is not waited for without end. */
    static const struct timeval patience = { .tv_sec = 5 };
    struct address address;
    int fd = -1;

    if (!address_from_path(&address, path))
        errno = ENAMETOOLONG;
    else
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
            sizeof(patience)) < 0 ||
        connect(fd, (const struct sockaddr *)&address.storage,
            address.length) < 0) {
        error_add(error, "cannot reach the daemon at %s: %s%s", path,
            strerror(errno), advice);
    } else if (judge_server(fd, path, error)) {
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}
