#include "systemd/credential.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "files/files.h"
#include "systemd/unit_file.h"

#define CREDENTIAL_BYTES_MAX MIB(1)

bool
credential_parse(const char *path, struct credential *credential)
{
    const char *unit, *id;
    size_t length = strlen(CREDENTIAL_FOLDER "/");

    if (strncmp(path, CREDENTIAL_FOLDER "/", length) != 0)
        return false;
    unit = path + length;
    length = strcspn(unit, "/");
    id = unit + length + (unit[length] == '/');
    if (length == 0 || length >= sizeof(credential->unit) || *id == '\0' ||
        strlen(id) >= sizeof(credential->id) || strchr(id, '/') != NULL)
        return false;
    snprintf(credential->unit, sizeof(credential->unit), "%.*s", (int)length,
        unit);
    snprintf(credential->id, sizeof(credential->id), "%s", id);
    return true;
}

/* A PATH that is a directory gives one credential for each file in it, ID_FILE:
 * these are not looked for. */
void
credential_see(const struct credential *credential, const char *key,
    const char *value, char source[PATH_MAX])
{
    size_t length = strlen(credential->id);

    if (strcmp(key, "LoadCredential") != 0 &&
        strcmp(key, "LoadCredentialEncrypted") != 0)
        return;
    if (value[0] == '\0')
        source[0] = '\0';
    if (strncmp(value, credential->id, length) != 0 || value[length] != ':')
        return;
    if (value[length + 1] != '/' || !unit_file_expand(credential->unit,
        value + length + 1, source, PATH_MAX))
        source[0] = '\0';
}

struct search {
    const struct credential *credential;
    char *source;
};

/* unit_file_see_fn */
static void
see_assignment(const char *key, const char *value, void *arg)
{
    const struct search *search = arg;

    credential_see(search->credential, key, value, search->source);
}

bool
credential_find_source(
    const struct credential *credential, char source[PATH_MAX])
{
    struct search search = { credential, source };

    source[0] = '\0';
    return unit_file_read(credential->unit, see_assignment, &search) &&
        source[0] != '\0';
}

static bool
is_later(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec
                                  : a->tv_nsec > b->tv_nsec;
}

/* False as well if one of them cannot be read. */
static bool
has_same_contents(const char *a, const char *b)
{
    struct file_content one, other;
    bool same = false;

    if (files_read(NULL, FILE_FOR_TLS_SECRET, a, CREDENTIAL_BYTES_MAX, &one) !=
        FILE_DONE)
        return false;
    if (files_read(NULL, FILE_FOR_TLS_SECRET, b, CREDENTIAL_BYTES_MAX,
            &other) == FILE_DONE) {
        same = one.length == other.length &&
            memcmp(one.text, other.text, one.length) == 0;
        files_release(&other);
    }
    files_release(&one);
    return same;
}

enum credential_state
credential_look(const char *path, char source[PATH_MAX])
{
    struct credential credential;
    struct stat copy, file;

    if (!credential_parse(path, &credential) || stat(path, &copy) != 0 ||
        !credential_find_source(&credential, source))
        return CREDENTIAL_NONE;
    if (stat(source, &file) != 0)
        return errno == EACCES ? CREDENTIAL_HIDDEN : CREDENTIAL_NONE;
    /* A file that was moved there keeps the time of its contents. */
    if (!is_later(&file.st_mtim, &copy.st_mtim) &&
        !is_later(&file.st_ctim, &copy.st_mtim))
        return CREDENTIAL_CURRENT;
    return has_same_contents(path, source) ? CREDENTIAL_CURRENT
                                           : CREDENTIAL_CHANGED;
}
