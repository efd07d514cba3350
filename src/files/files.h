/*
 * Where every file that a configuration names comes from.
 *
 * NULL is the disk, asked anew each time.  Files that keep remember every
 * answer, errors as well, and can be packed into a bundle; those from a bundle
 * then answer the same to the same questions, without a file system.
 */
#ifndef FILES_FILES_H
#define FILES_FILES_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "base/path_why.h"
#include "files/file_entry.h"

struct error;
struct files;
struct strings;

enum { FILE_WHY_SIZE = PATH_WHY_SIZE };

enum file_use { FILE_FOR_CONFIG, FILE_FOR_TLS, FILE_FOR_TLS_SECRET };

struct file_content {
    const char *text;       /* not ended by a NUL; valid until released */
    size_t length;
    mode_t mode;            /* permissions */
    int why;                /* errno of FILE_NOT_OPENED and FILE_NOT_READ */
    struct file_entry *own;
};

/* Reads the disk and keeps all of it, with one reference, the caller's; so too
 * the next ones.  NULL: out of memory. */
NODISCARD struct files *files_on_disk(void);

/* The same, with what loading the configuration asked of `older`: its text
 * stays as it was, and so does what TLS options found at the paths in `kept`
 * (NULL: none) and in directories there; all else is read anew.  If secrets were
 * parted from `older`, those read now get fingerprints too, so that
 * files_equal() can tell.  NULL: out of memory. */
NODISCARD struct files *files_renew(
    const struct files *older, const struct strings *kept);

/* From the bundle in `fd`, which the caller may close then; with what is secret
 * from `secrets_fd` (the same), if that is not -1: it must be of the same files.
 * Without it files that hold secrets have their public part alone.  NULL:
 * `error` says why. */
NODISCARD struct files *files_in_bundle(
    int fd, int secrets_fd, struct error *error);

/* Files are counted, as configurations are.  The last one wipes what was kept;
 * NULL is left as it is by both. */
struct files *files_ref(struct files *files);
void files_unref(struct files *files);

/* The whole of a file of up to `limit` bytes; never waits for a writer.  Only
 * with FILE_DONE is there something to release. */
NODISCARD enum file_result files_read(struct files *files,
    enum file_use use, const char *path, size_t limit,
    struct file_content *content);
void files_release(struct file_content *content);

/* What to say of what one of these functions could not open for that errno:
 * strerror(3), and where this process may not read it, also which user that is and
 * what keeps it out (path_why()).  Returns `text`. */
const char *files_why(struct files *files, enum file_kind kind,
    const char *path, int why, char text[FILE_WHY_SIZE]);

/* Each adds to `names` or is false, and errno says why. */

/* A directory's files in order, without hidden ones and links to neighbours. */
NODISCARD bool files_list(struct files *files, const char *directory,
    struct strings *names);
/* The paths that match a glob(7) pattern, in order; there may be none. */
NODISCARD bool files_match(struct files *files, const char *pattern,
    struct strings *names);
/* The same for a pattern that a TLS option names. */
NODISCARD bool files_match_tls(struct files *files, const char *pattern,
    struct strings *names);
/* What files_set_start() was given under that name. */
NODISCARD bool files_start(struct files *files, const char *name,
    struct strings *names);

/* Allocated.  NULL: errno says why. */

/* The absolute name of a directory. */
char *files_directory(struct files *files, const char *path);
/* A variable of the environment, unless that cannot be trusted. */
char *files_variable(struct files *files, const char *name);
/* The port of a TCP service, as a number in text, by its name in services(5). */
char *files_port(struct files *files, const char *name);

/* True if an interface of this machine has that address, IPv4 or IPv6. */
bool files_owns_address(struct files *files, const char *number);

/* All that follows is not for NULL. */

/* Remembers what loading begins with, for the process that gets the bundle.
 * False: out of memory. */
NODISCARD bool files_set_start(struct files *files, const char *name,
    char *const *words, size_t count);

/* Has a file that a TLS option names hold these bytes, which are a secret, as if it
 * had been read there.  False: out of memory. */
NODISCARD bool files_provide(struct files *files, const char *path,
    const char *text, size_t length);

/* Has the processes that get the bundle leave out a file that a TLS option names,
 * one of a directory or pattern, for that reason; not those of files_renew().
 * False: out of memory. */
NODISCARD bool files_leave_out(
    struct files *files, const char *path, const char *why);

/* Whether a file was left out so.  NULL for `files` is the disk, which leaves out
 * none. */
bool files_is_left_out(const struct files *files, const char *path);

/* Reads a file so that it will be kept; its faults are found at its use.
 * files_gather_listed(): every file of a directory, for TLS. */
enum file_result files_gather(struct files *files, enum file_use use,
    const char *path, size_t limit);
void files_gather_listed(struct files *files, const char *directory,
    size_t limit);

/* True if a TLS option that names `path` would find the same in both: contents,
 * error, or the files of a directory. */
bool files_equal(const struct files *a, const struct files *b,
    const char *path);

/* Puts what `older` knows of a path that a TLS option names in place of what
 * `files` knows.  False: it knows nothing, or out of memory. */
NODISCARD bool files_restore(struct files *files, const struct files *older,
    const char *path);

/* All that was asked, in order. */
size_t files_count(const struct files *files);
const struct file_entry *files_at(const struct files *files, size_t index);

/* A secret and its length to a fingerprint that does not betray it.  False:
 * there is none to be had. */
typedef bool files_print_fn(void *arg, const void *data, size_t length,
    unsigned char print[FILE_PRINT_BYTES]);

/* Moves what is secret into a sealed memfd that the files own, and wipes it
 * here.  Of each file that holds a key or passphrase there stay those of its PEM
 * blocks that are public (certificates, CRLs), and a fingerprint by which
 * files_equal() tells it from another; files_restore() from such files finds
 * the secrets again.  Once, for files that read the disk, after all was read:
 * from then on they know what they know.  `arg` must live as long as they and
 * those renewed from them.  False: `error` says why, and all is where it was. */
NODISCARD bool files_part_secrets(struct files *files, files_print_fn *print,
    void *arg, struct error *error);

/* That memfd, borrowed; -1: none was parted, or there are no secrets. */
int files_secrets(const struct files *files);

/* Closes that memfd: nothing of these files will read a secret any more. */
void files_discard_secrets(struct files *files);

/* A sealed memfd that closes on exec, the caller's to close.  -1: `error` says
 * why. */
NODISCARD int files_pack(const struct files *files, struct error *error);

#endif
