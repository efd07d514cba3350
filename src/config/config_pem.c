#include "config/config_pem.h"

#include <stdio.h>
#include <string.h>

static const char begin_mark[] = "-----BEGIN ";
static const char end_mark[] = "-----END ";

bool
config_pem_begins(
    const char *line, size_t length, char label[CONFIG_PEM_LABEL_SIZE])
{
    const char *at = memmem(line, length, begin_mark, strlen(begin_mark));
    size_t left;

    if (at == NULL)
        return false;
    at += strlen(begin_mark);
    left = (size_t)(line + length - at);
    if (left >= CONFIG_PEM_LABEL_SIZE)
        left = CONFIG_PEM_LABEL_SIZE - 1;
    memcpy(label, at, left);
    label[left] = '\0';
    label[strspn(label, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ")] = '\0';
    return true;
}

bool
config_pem_ends(const char *line, size_t length)
{
    return memmem(line, length, end_mark, strlen(end_mark)) != NULL;
}

static bool
begins_section(const char *line, size_t length)
{
    while (length > 0 && *line == ' ') {
        line++;
        length--;
    }
    return length > 0 && *line == '[';
}

bool
config_pem_is_all(const char *text, size_t length, unsigned *number,
    char label[CONFIG_PEM_LABEL_SIZE])
{
    for (*number = 1; length > 0; ++*number) {
        const char *end = memchr(text, '\n', length);
        size_t line = end != NULL ? (size_t)(end - text) : length;

        if (begins_section(text, line))
            return false;
        if (config_pem_begins(text, line, label))
            return true;
        line += end != NULL;
        text += line;
        length -= line;
    }
    return false;
}
