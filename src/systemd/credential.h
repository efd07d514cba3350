/*
 * Credentials of systemd (systemd.exec(5), LoadCredential=): copies of files,
 * made when a unit starts, that stay what they were when the files change.
 */
#ifndef SYSTEMD_CREDENTIAL_H
#define SYSTEMD_CREDENTIAL_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

#define CREDENTIAL_FOLDER "/run/credentials"

/* Longer names than these are not files' (NAME_MAX). */
struct credential {
    char unit[NAME_MAX + 1]; /* "sallyport.service" */
    char id[NAME_MAX + 1];
};

/* Parts the path of a unit's credential, /run/credentials/UNIT/ID.  False: it is
 * none. */
NODISCARD bool credential_parse(
    const char *path, struct credential *credential);

/* Takes up what one assignment of the unit (unit_file.h) says of where the
 * credential comes from.  `source` stays as it is if it says nothing, and becomes
 * "" if it says that it is no file, or forgets what was said before. */
void credential_see(const struct credential *credential, const char *key,
    const char *value, char source[PATH_MAX]);

/* The file that the unit, as it lies on the disk, has the credential copied from.
 * False: it is not known. */
NODISCARD bool credential_find_source(
    const struct credential *credential, char source[PATH_MAX]);

enum credential_state {
    CREDENTIAL_NONE,    /* not a credential, or not one of a known file */
    CREDENTIAL_CURRENT, /* what the file holds */
    CREDENTIAL_CHANGED, /* the file has been changed since */
    CREDENTIAL_HIDDEN,  /* the file may not be looked at */
};

/* Compares the credential at `path` with its file: `source` unless the answer is
 * CREDENTIAL_NONE. */
enum credential_state credential_look(
    const char *path, char source[PATH_MAX]);

#endif
