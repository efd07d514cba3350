/*
 * What was asked about the file system, and what it said: one answer for each
 * kind of question and path.  Errors are answers too.
 */
#ifndef CONFIG_FILE_ANSWER_H
#define CONFIG_FILE_ANSWER_H

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
    FILE_KIND_COUNT
};

enum file_result {
    FILE_DONE,
    FILE_NOT_OPENED,    /* `why` is the errno; so too for all that is no
                           contents */
    FILE_NOT_READ,      /* likewise */
    FILE_IS_DIRECTORY,
    FILE_NOT_REGULAR,
    FILE_TOO_LARGE,     /* `size` tells how large it is */
    FILE_RESULT_COUNT
};

enum { FILE_PRINT_BYTES = 32 };

struct file_answer {
    enum file_kind kind;
    enum file_result result;
    int why;
    mode_t mode;        /* of contents */
    uint64_t size;      /* of the file; what is too large is not here */
    bool secret;        /* holds a key or passphrase */
    bool apart;         /* the data is what anybody may see of it */
    bool printed;       /* `print` tells it from others, apart or not */
    bool borrowed;      /* path and data are a bundle's */
    char *path;
    char *data;         /* contents, or names, each with its NUL */
    size_t length;
    unsigned char print[FILE_PRINT_BYTES];
    uint64_t whole_at;  /* in the memfd of those who parted it */
    size_t whole_length;
};

/* FILE_DONE, without data.  NULL: out of memory; so too the next one. */
NODISCARD struct file_answer *file_answer_new(enum file_kind kind,
    const char *path);
NODISCARD struct file_answer *file_answer_copy(
    const struct file_answer *answer);

/* Wipes its data. */
void file_answer_free(struct file_answer *answer);

/* The first `length` bytes are wiped before the memory goes back. */
void file_answer_wipe(char *data, size_t length);

/* An answer that is an error instead. */
void file_answer_fail(struct file_answer *answer, enum file_result result,
    int why);

static inline bool
file_answer_is_contents(const struct file_answer *answer)
{
    return answer->kind == FILE_TEXT || answer->kind == FILE_TLS;
}

/* To and from names, in their order.  False: out of memory. */
NODISCARD bool file_answer_set_names(struct file_answer *answer,
    char *const *names, size_t count);
NODISCARD bool file_answer_names(const struct file_answer *answer,
    struct strings *names);

/* Contents that must not stay where they can be seen. */
static inline bool
file_answer_is_whole_secret(const struct file_answer *answer)
{
    return answer->secret && !answer->apart && answer->result == FILE_DONE;
}

/* The same result and data; modes may differ.  If one is apart, its print
 * speaks for what is elsewhere.  NULL is like NULL only. */
bool file_answer_same(const struct file_answer *a,
    const struct file_answer *b);

#endif
