#include "tls/tls_pem_damage.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char base64_bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "abcdefghijklmnopqrstuvwxyz0123456789+/=";

/* A line without its end. */
struct pem_line {
    const char *at;
    size_t length;
    unsigned number; /* from 1 */
};

/* False: there is no further line. */
static bool
next_block_line(const char **text, size_t *left, struct pem_line *line)
{
    const char *end;

    if (*left == 0)
        return false;
    end = memchr(*text, '\n', *left);
    line->at = *text;
    line->length = end != NULL ? (size_t)(end - *text) : *left;
    line->number++;
    *text += line->length + (end != NULL);
    *left -= line->length + (end != NULL);
    while (line->length > 0 && (line->at[line->length - 1] == '\r' ||
        line->at[line->length - 1] == ' '))
        line->length--;
    return true;
}

static bool
line_starts_with(const struct pem_line *line, const char *word)
{
    size_t length = strlen(word);

    return line->length >= length && memcmp(line->at, word, length) == 0;
}

/* "-----BEGIN ...LABEL-----" */
static bool
begins_label(const struct pem_line *line, const char *label)
{
    size_t length = strlen(label);

    return line_starts_with(line, "-----BEGIN ") &&
        line->length >= length + 5 &&
        memcmp(line->at + line->length - 5, "-----", 5) == 0 &&
        memcmp(line->at + line->length - 5 - length, label, length) == 0;
}

static bool
is_base64_line(const struct pem_line *line)
{
    for (size_t i = 0; i < line->length; i++)
        if (line->at[i] == '\0' || strchr(base64_bytes, line->at[i]) == NULL)
            return false;
    return true;
}

/* Encrypted keys in their old form have headers. */
static bool
is_pem_header(const struct pem_line *line)
{
    return line->length == 0 || memchr(line->at, ':', line->length) != NULL;
}

/* The first line of a block that is no base64, or not as long as those around it;
 * 0: none.  `line` is the block's first. */
static unsigned
find_damage(const char *text, size_t left, struct pem_line line)
{
    size_t width = 0;
    unsigned shorter = 0;

    while (next_block_line(&text, &left, &line)) {
        if (line_starts_with(&line, "-----"))
            return 0;
        if (width == 0 && is_pem_header(&line))
            continue;
        /* Only the last one is shorter. */
        if (shorter != 0)
            return shorter;
        if (width == 0)
            width = line.length;
        if (!is_base64_line(&line) || line.length > width)
            return line.number;
        if (line.length < width)
            shorter = line.number;
    }
    return 0;
}

const char *
tls_pem_damage(const char *text, size_t length, const char *label,
    unsigned number, char words[TLS_PEM_DAMAGE_SIZE])
{
    struct pem_line line = { .number = 0 };
    unsigned damaged;

    words[0] = '\0';
    while (number > 0 && next_block_line(&text, &length, &line))
        number -= begins_label(&line, label);
    if (number > 0 || line.number == 0)
        return words;
    damaged = find_damage(text, length, line);
    if (damaged != 0)
        snprintf(words, TLS_PEM_DAMAGE_SIZE, " (it begins in line %u, and line "
            "%u is damaged)", line.number, damaged);
    else
        snprintf(words, TLS_PEM_DAMAGE_SIZE, " (it begins in line %u)",
            line.number);
    return words;
}
