#include "files/file_disk.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <ifaddrs.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "base/strings.h"

/* Not realloc(3), which would leave a copy of a key behind. */
static bool
enlarge_contents(struct file_entry *answer, size_t *size, size_t wanted)
{
    char *grown = malloc(wanted);

    if (grown == NULL)
        return false;
    if (answer->length > 0)
        memcpy(grown, answer->data, answer->length);
    file_entry_wipe(answer->data, answer->length);
    answer->data = grown;
    *size = wanted;
    return true;
}

/* Reads to the end, or past the limit; a file may be longer than it said.
 * False: errno says why. */
static bool
read_contents(int fd, struct file_entry *answer, size_t expected, size_t limit)
{
    size_t size = 0;
    ssize_t got = 1;

    while (got > 0 && answer->length <= limit) {
        if (answer->length == size && !enlarge_contents(answer, &size,
            size == 0 ? expected + 1 : 2 * size + KIB(4)))
            return false;
        got = read(fd, answer->data + answer->length, size - answer->length);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            answer->length += (size_t)got;
    }
    return got >= 0;
}

/* False: it has no contents, which is the answer then. */
static bool
judge_file_type(struct file_entry *answer, const struct stat *status)
{
    answer->mode = status->st_mode & ALLPERMS;
    if (S_ISDIR(status->st_mode))
        file_entry_fail(answer, FILE_IS_DIRECTORY, 0);
    else if (!S_ISREG(status->st_mode))
        file_entry_fail(answer, FILE_NOT_REGULAR, 0);
    return answer->result == FILE_DONE;
}

static void
ask_open_file(struct file_entry *answer, int fd, size_t limit)
{
    struct stat status;

    if (fstat(fd, &status) != 0) {
        file_entry_fail(answer, FILE_NOT_OPENED, errno);
        return;
    }
    if (!judge_file_type(answer, &status))
        return;
    answer->size = (uint64_t)status.st_size;
    if (answer->size <= limit
        && !read_contents(fd, answer, (size_t)answer->size, limit)) {
        answer->size = 0;
        file_entry_fail(answer, FILE_NOT_READ, errno);
        return;
    }
    if (answer->size <= limit)
        answer->size = answer->length;
    if (answer->size > limit)
        file_entry_fail(answer, FILE_TOO_LARGE, 0);
}

/* Opening a FIFO must not wait for its writer. */
static void
ask_contents(struct file_entry *answer, size_t limit)
{
    int fd = open(answer->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int why = errno;
    struct stat status;

    if (fd >= 0) {
        ask_open_file(answer, fd, limit);
        close(fd);
    } else if (stat(answer->path, &status) != 0 ||
        judge_file_type(answer, &status)) {
        file_entry_fail_open(answer, answer->path, why);
    }
}

static void
set_names(struct file_entry *answer, char *const *names, size_t count)
{
    if (!file_entry_set_names(answer, names, count))
        file_entry_fail(answer, FILE_NOT_OPENED, ENOMEM);
}

/* A link to another file of the directory would only be read twice. */
static bool
is_neighbour_link(const char *path)
{
    char target[PATH_MAX];
    ssize_t length = readlink(path, target, sizeof(target));

    return length > 0 && memchr(target, '/', (size_t)length) == NULL;
}

static bool
is_listed(const char *directory, const char *name)
{
    char path[PATH_MAX];

    return name[0] != '.' && snprintf(path, sizeof(path), "%s/%s", directory,
        name) < (int)sizeof(path) && !is_neighbour_link(path);
}

/* Sorted, so that the same directory has the same answer. */
static void
ask_listing(struct file_entry *answer, size_t limit)
{
    struct strings names = { 0 };
    struct dirent **entries;
    int count = scandir(answer->path, &entries, NULL, alphasort);
    bool good = true;

    (void)limit;
    if (count < 0) {
        file_entry_fail_open(answer, answer->path, errno);
        return;
    }
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;

        if (good && is_listed(answer->path, name))
            good = strings_add(&names, name, strlen(name));
        free(entries[i]);
    }
    free(entries);
    if (good)
        set_names(answer, names.items, names.count);
    else
        file_entry_fail(answer, FILE_NOT_OPENED, ENOMEM);
    strings_clear(&names);
}

static void
fail_matches(struct file_entry *answer, int why)
{
    size_t length = strcspn(answer->path, "*?[\\");
    char folder[PATH_MAX];

    while (length > 1 && answer->path[length - 1] != '/')
        length--;
    snprintf(folder, sizeof(folder), "%.*s", (int)length, answer->path);
    file_entry_fail_open(answer, folder, why);
}

/* An unreadable directory is an error rather than no match: services would
 * vanish in silence. */
static void
ask_matches(struct file_entry *answer, size_t limit)
{
    glob_t matches = { 0 };
    int result;

    (void)limit;
    errno = 0;
    result = glob(answer->path, GLOB_ERR, NULL, &matches);
    if (result == 0)
        set_names(answer, matches.gl_pathv, matches.gl_pathc);
    else if (result != GLOB_NOMATCH && (result != GLOB_ABORTED
        || (errno != ENOENT && errno != ENOTDIR)))
        fail_matches(answer, errno != 0 ? errno : ENOMEM);
    globfree(&matches);
}

static void
ask_directory(struct file_entry *answer, size_t limit)
{
    char *real = realpath(answer->path, NULL);

    (void)limit;
    if (real != NULL)
        set_names(answer, &real, 1);
    else
        file_entry_fail(answer, FILE_NOT_OPENED, errno);
    free(real);
}

static void
ask_variable(struct file_entry *answer, size_t limit)
{
    char *value = secure_getenv(answer->path);

    (void)limit;
    if (value != NULL)
        set_names(answer, &value, 1);
    else
        file_entry_fail(answer, FILE_NOT_OPENED, ENOENT);
}

static void
ask_port(struct file_entry *answer, size_t limit)
{
    const struct servent *service = getservbyname(answer->path, "tcp");
    char number[8];
    char *names[] = { number };

    (void)limit;
    if (service == NULL) {
        file_entry_fail(answer, FILE_NOT_OPENED, ENOENT);
        return;
    }
    snprintf(number, sizeof(number), "%u",
        (unsigned)ntohs((uint16_t)service->s_port));
    set_names(answer, names, 1);
}

static bool
is_interface_address(const struct ifaddrs *all, struct address *wanted)
{
    address_unmap(wanted);
    for (; all != NULL; all = all->ifa_next) {
        struct address address = { 0 };
        bool v6;

        if (all->ifa_addr == NULL ||
            all->ifa_addr->sa_family != wanted->storage.ss_family)
            continue;
        v6 = all->ifa_addr->sa_family == AF_INET6;
        memcpy(&address.storage, all->ifa_addr,
            v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
        if (address_same(&address, wanted))
            return true;
    }
    return false;
}

static void
ask_own_address(struct file_entry *answer, size_t limit)
{
    struct address wanted;
    struct ifaddrs *all;
    bool own;

    (void)limit;
    if (!address_from_numeric(&wanted, answer->path, 0) ||
        getifaddrs(&all) < 0) {
        file_entry_fail(answer, FILE_NOT_OPENED, ENOENT);
        return;
    }
    own = is_interface_address(all, &wanted);
    freeifaddrs(all);
    if (own)
        set_names(answer, &answer->path, 1);
    else
        file_entry_fail(answer, FILE_NOT_OPENED, ENOENT);
}

/* The disk does not know what loading begins with, nor what is left out of it:
 * files_set_start() and files_leave_out() say. */
static void
ask_start(struct file_entry *answer, size_t limit)
{
    (void)limit;
    file_entry_fail(answer, FILE_NOT_OPENED, ENOENT);
}

struct file_entry *
file_disk_ask(enum file_kind kind, const char *path, size_t limit)
{
    static void (*const asks[])(struct file_entry *answer, size_t limit) = {
        [FILE_TEXT] = ask_contents, [FILE_TLS] = ask_contents,
        [FILE_LISTING] = ask_listing, [FILE_MATCHES] = ask_matches,
        [FILE_DIRECTORY] = ask_directory, [FILE_VARIABLE] = ask_variable,
        [FILE_PORT] = ask_port, [FILE_START] = ask_start,
        [FILE_OWN_ADDRESS] = ask_own_address,
        [FILE_TLS_MATCHES] = ask_matches, [FILE_LEFT_OUT] = ask_start,
    };
    struct file_entry *answer = file_entry_new(kind, path);

    if (answer != NULL)
        asks[kind](answer, limit);
    return answer;
}
