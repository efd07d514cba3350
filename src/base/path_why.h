/* Why a path could not be opened, for the operator, for whom "Permission denied"
 * is the beginning of a search. */
#ifndef BASE_PATH_WHY_H
#define BASE_PATH_WHY_H

#include <sys/types.h>

enum path_use {
    PATH_READ,  /* a file, or the names in a directory */
    PATH_WRITE, /* a file, or a new one where there is none */
};

enum { PATH_WHY_SIZE = 1024 };

/* What strerror(3) says of `why`, the errno of open(2) or bind(2) on `path`, which
 * is followed for EACCES as path_resolution(7) has it: then the text goes on with
 * the user of this process and the first directory or file that keeps it out, such
 * as `Permission denied: user sallyport may not enter /etc/letsencrypt/archive
 * (mode 0700, owner root, group root)`.  Looks accounts up (getpwuid(3)).  Returns
 * `text`, in which a path stands as it is. */
const char *path_why(const char *path, enum path_use use, int why,
    char text[PATH_WHY_SIZE]);

/* The name of an account, or its number where it has none.  Returns `name`. */
enum { PATH_ACCOUNT_SIZE = 64 };
const char *path_why_user(uid_t uid, char name[PATH_ACCOUNT_SIZE]);

#endif
