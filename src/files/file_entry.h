/*
 * What was asked about the file system, and what it said: one answer for each
 * kind of question and path.  Errors are answers too.
 */
#ifndef FILES_FILE_ENTRY_H
#define FILES_FILE_ENTRY_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

struct strings;

/* A file that is configuration and certificate at once has two answers, so
 * that one can be read again without the other. */
enum file_kind {
    FILE_TEXT,          /* contents of a configuration file */
    FILE_TLS,           /* contents of a file that a TLS option names */
    FILE_LISTING,       /* names in a directory of certificates */
    FILE_MATCHES,       /* paths that a pattern of `include` matches */
    FILE_DIRECTORY,     /* the absolute name of a directory */
    FILE_VARIABLE,      /* of the environment */
    FILE_PORT,          /* the number of a service that services(5) names */
    FILE_START,         /* the words that loading begins with */
    FILE_OWN_ADDRESS,   /* an address, if one of the interfaces has it */
    FILE_TLS_MATCHES,   /* paths that a pattern of a TLS option matches */
    FILE_LEFT_OUT,      /* why a file of a TLS option is not used */
    FILE_KIND_COUNT
};

enum file_result {
    FILE_DONE,
    FILE_NOT_OPENED,    /* `why` is the errno; so too for all that is no
                           contents.  With EACCES the data, if there is any, is
                           path_why()'s text */
    FILE_NOT_READ,      /* likewise */
    FILE_IS_DIRECTORY,
    FILE_NOT_REGULAR,
    FILE_TOO_LARGE,     /* `size` tells how large it is */
    FILE_RESULT_COUNT
};

enum { FILE_PRINT_BYTES = 32 };

struct file_entry {
    enum file_kind kind;
    enum file_result result;
    int why;
    mode_t mode;        /* of contents */
    uint64_t size;      /* of the file; what is too large is not here */
    bool secret;        /* holds a key or passphrase */
    bool searched;      /* for a key, which is not done twice */
    bool apart;         /* the data is its public part only */
    bool printed;       /* `print` tells it from others, apart or not */
    bool borrowed;      /* path and data are a bundle's */
    char *path;
    char *data;         /* contents, or names, each with its NUL */
    size_t length;
    unsigned char print[FILE_PRINT_BYTES];
    uint64_t whole_at;  /* in the memfd of its secrets */
    size_t whole_length;
    uint64_t compared[2];   /* files_equal(): which contents of which files */
    bool compared_same;     /* and what it found */
};

/* FILE_DONE, without data; or a copy.  NULL: out of memory. */
NODISCARD struct file_entry *file_entry_new(enum file_kind kind,
    const char *path);
NODISCARD struct file_entry *file_entry_copy(
    const struct file_entry *answer);

/* Wipes its data. */
void file_entry_free(struct file_entry *answer);

/* The first `length` bytes are wiped before the memory goes back. */
void file_entry_wipe(char *data, size_t length);

/* An answer that is an error instead. */
void file_entry_fail(struct file_entry *answer, enum file_result result,
    int why);

/* The same, of what is at `path` and was not opened; if this process may not read
 * it, the answer says which user that is, and what keeps it out. */
void file_entry_fail_open(struct file_entry *answer, const char *path, int why);

/* What that says; NULL: nothing more than its errno does. */
const char *file_entry_why(const struct file_entry *answer);

static inline bool
file_entry_is_contents(const struct file_entry *answer)
{
    return answer->kind == FILE_TEXT || answer->kind == FILE_TLS;
}

/* To and from names, in their order.  False: out of memory. */
NODISCARD bool file_entry_set_names(struct file_entry *answer,
    char *const *names, size_t count);
NODISCARD bool file_entry_names(const struct file_entry *answer,
    struct strings *names);

/* Contents that must not stay where they can be seen. */
static inline bool
file_entry_is_whole_secret(const struct file_entry *answer)
{
    return answer->secret && !answer->apart && answer->result == FILE_DONE;
}

/* The same result and data; modes may differ.  If one is apart, its print
 * speaks for what is elsewhere.  NULL is like NULL only. */
bool file_entry_same(const struct file_entry *a,
    const struct file_entry *b);

#endif
