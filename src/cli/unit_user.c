#include "cli/unit_user.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/command_table.h"
#include "files/files.h"
#include "sandbox/privileges.h"
#include "systemd/credential.h"
#include "systemd/unit_file.h"

#define SUFFIX ".ini"
#define CREDENTIAL_BYTES_MAX MIB(1)

bool
unit_user_name(const char *path, char unit[NAME_MAX + 1])
{
    size_t folder = strlen(DEFAULT_CONFIG) - strlen("sallyport" SUFFIX);
    const char *name = path + folder;
    size_t length;
    int size;

    if (strncmp(path, DEFAULT_CONFIG, folder) != 0 ||
        strchr(name, '/') != NULL)
        return false;
    length = strlen(name);
    if (length <= strlen(SUFFIX) ||
        strcmp(name + length - strlen(SUFFIX), SUFFIX) != 0)
        return false;
    if (strcmp(path, DEFAULT_CONFIG) == 0)
        size = snprintf(unit, NAME_MAX + 1, "sallyport.service");
    else
        size = snprintf(unit, NAME_MAX + 1, "sallyport@%.*s.service",
            (int)(length - strlen(SUFFIX)), name);
    return size <= NAME_MAX;
}

struct search {
    struct unit_user *found;
    const char *file;
    bool serves; /* the unit, that file */
    bool failed;
};

static void
take_text(char **field, const char *value, bool *failed)
{
    free(*field);
    *field = strdup(value);
    *failed |= *field == NULL;
}

static void
take_groups(struct strings *groups, const char *value, bool *failed)
{
    if (value[0] == '\0')
        strings_clear(groups);
    while (*value != '\0') {
        size_t length = strcspn(value, " \t");

        if (length > 0)
            *failed |= !strings_add(groups, value, length);
        value += length + strspn(value + length, " \t");
    }
}

/* Directories that a unit has made for it, systemd.exec(5), and where they lie. */
static const struct {
    const char *key, *folder;
} unit_folders[] = {
    { "RuntimeDirectory", "/run" }, { "StateDirectory", "/var/lib" },
    { "CacheDirectory", "/var/cache" }, { "LogsDirectory", "/var/log" },
};

static void
take_folders(struct unit_user *found, const char *folder, const char *value,
    bool *failed)
{
    char names[UNIT_LINE_SIZE], path[PATH_MAX], *rest = names, *name;

    if (!unit_file_expand(found->unit, value, names, sizeof(names)))
        return;
    while ((name = strsep(&rest, " \t")) != NULL) {
        int size = snprintf(path, sizeof(path), "%s/%.*s", folder,
            (int)strcspn(name, ":"), name);

        if (*name != '\0' && size < (int)sizeof(path))
            *failed |= !strings_add(&found->makes, path, (size_t)size);
    }
}

static void
see_folders(struct search *search, const char *key, const char *value)
{
    for (size_t i = 0; i < COUNT(unit_folders); i++)
        if (strcmp(key, unit_folders[i].key) == 0)
            take_folders(search->found, unit_folders[i].folder, value,
                &search->failed);
}

/* unit_file_see_fn */
static void
see_user(const char *key, const char *value, void *arg)
{
    struct search *search = arg;
    struct unit_user *found = search->found;
    char line[UNIT_LINE_SIZE];

    if (strcmp(key, "User") == 0)
        take_text(&found->user, value, &search->failed);
    else if (strcmp(key, "Group") == 0)
        take_text(&found->group, value, &search->failed);
    else if (strcmp(key, "SupplementaryGroups") == 0)
        take_groups(&found->groups, value, &search->failed);
    else if (strcmp(key, "ExecStart") == 0 && value[0] != '\0')
        search->serves =
            unit_file_expand(found->unit, value, line, sizeof(line)) &&
            strstr(line, search->file) != NULL;
    else
        see_folders(search, key, value);
}

static void
forget_empty(char **field)
{
    if (*field != NULL && (*field)[0] == '\0') {
        free(*field);
        *field = NULL;
    }
}

bool
unit_user_find(const char *file, struct unit_user *found)
{
    char *path = realpath(file, NULL);
    struct search search = { .found = found, .file = path };

    *found = (struct unit_user){ .user = NULL };
    if (path != NULL && unit_user_name(path, found->unit) &&
        unit_file_read(found->unit, see_user, &search) &&
        search.serves && !search.failed) {
        free(path);
        forget_empty(&found->user);
        forget_empty(&found->group);
        return true;
    }
    free(path);
    unit_user_clear(found);
    return false;
}

void
unit_user_clear(struct unit_user *found)
{
    free(found->user);
    free(found->group);
    strings_clear(&found->groups);
    strings_clear(&found->makes);
    *found = (struct unit_user){ .user = NULL };
}

struct providing {
    const struct unit_user *found;
    struct files *files;
};

/* unit_file_see_fn */
static void
provide_credential(const char *key, const char *value, void *arg)
{
    const struct providing *providing = arg;
    struct credential credential;
    struct file_content content;
    char path[PATH_MAX], source[PATH_MAX] = "";

    snprintf(path, sizeof(path), CREDENTIAL_FOLDER "/%s/%.*s",
        providing->found->unit, (int)strcspn(value, ":"), value);
    if (strcmp(key, "LoadCredential") != 0 ||
        !credential_parse(path, &credential) || access(path, F_OK) == 0)
        return;
    credential_see(&credential, key, value, source);
    if (source[0] == '\0' ||
        files_read(NULL, FILE_FOR_TLS_SECRET, source, CREDENTIAL_BYTES_MAX,
            &content) != FILE_DONE)
        return;
    (void)!files_provide(
        providing->files, path, content.text, content.length);
    files_release(&content);
}

void
unit_user_provide(const struct unit_user *found, struct files *files)
{
    struct providing providing = { found, files };

    (void)!unit_file_read(found->unit, provide_credential, &providing);
}

bool
unit_user_become(const struct unit_user *found, struct error *error)
{
    struct account account;
    bool ok;

    if (found->user == NULL)
        return true;
    if (!account_find(found->user, found->group, &account, error))
        return false;
    ok = account.uid == 0 || privileges_become(&account, found->groups.items,
        found->groups.count, error);
    account_clear(&account);
    return ok;
}
