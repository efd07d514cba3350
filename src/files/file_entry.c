#include "files/file_entry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/path_why.h"
#include "base/strings.h"

struct file_entry *
file_entry_new(enum file_kind kind, const char *path)
{
    struct file_entry *answer = calloc(1, sizeof(*answer));

    if (answer == NULL)
        return NULL;
    answer->kind = kind;
    answer->path = strdup(path);
    if (answer->path == NULL) {
        free(answer);
        return NULL;
    }
    return answer;
}

struct file_entry *
file_entry_copy(const struct file_entry *answer)
{
    struct file_entry *copy = calloc(1, sizeof(*copy));

    if (copy == NULL)
        return NULL;
    *copy = *answer;
    copy->borrowed = false;
    copy->path = strdup(answer->path);
    copy->data = malloc(answer->length + 1);
    if (copy->path == NULL || copy->data == NULL) {
        copy->length = 0;
        file_entry_free(copy);
        return NULL;
    }
    if (answer->length > 0)
        memcpy(copy->data, answer->data, answer->length);
    return copy;
}

void
file_entry_wipe(char *data, size_t length)
{
    if (data != NULL)
        explicit_bzero(data, length);
    free(data);
}

void
file_entry_free(struct file_entry *answer)
{
    if (answer == NULL)
        return;
    if (!answer->borrowed) {
        file_entry_wipe(answer->data, answer->length);
        free(answer->path);
    }
    free(answer);
}

void
file_entry_fail(struct file_entry *answer, enum file_result result, int why)
{
    file_entry_wipe(answer->data, answer->length);
    answer->data = NULL;
    answer->length = 0;
    answer->result = result;
    answer->why = why;
}

void
file_entry_fail_open(struct file_entry *answer, const char *path, int why)
{
    char text[PATH_WHY_SIZE];

    file_entry_fail(answer, FILE_NOT_OPENED, why);
    if (why != EACCES)
        return;
    answer->data = strdup(path_why(path, PATH_READ, why, text));
    if (answer->data != NULL)
        answer->length = strlen(answer->data) + 1;
}

const char *
file_entry_why(const struct file_entry *answer)
{
    return answer->result == FILE_NOT_OPENED && answer->length > 0
        ? answer->data
        : NULL;
}

bool
file_entry_set_names(struct file_entry *answer, char *const *names,
    size_t count)
{
    size_t length = 0;
    char *at;

    for (size_t i = 0; i < count; i++)
        length += strlen(names[i]) + 1;
    at = malloc(length + 1);
    if (at == NULL)
        return false;
    answer->data = at;
    answer->length = length;
    for (size_t i = 0; i < count; i++)
        at = stpcpy(at, names[i]) + 1;
    return true;
}

bool
file_entry_names(const struct file_entry *answer, struct strings *names)
{
    size_t length;

    for (size_t at = 0; at < answer->length; at += length + 1) {
        length = strlen(answer->data + at);
        if (!strings_add(names, answer->data + at, length))
            return false;
    }
    return true;
}

static bool
has_same_data(const struct file_entry *a, const struct file_entry *b)
{
    return a->size == b->size && a->length == b->length && (a->length == 0
        || memcmp(a->data, b->data, a->length) == 0);
}

static bool
has_same_print(const struct file_entry *a, const struct file_entry *b)
{
    return a->printed && b->printed
        && memcmp(a->print, b->print, sizeof(a->print)) == 0;
}

bool
file_entry_same(const struct file_entry *a, const struct file_entry *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    if (a->result != b->result || a->why != b->why)
        return false;
    if ((a->apart || b->apart) && !has_same_print(a, b))
        return false;
    return a->apart != b->apart || has_same_data(a, b);
}
