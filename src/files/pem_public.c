#include "files/pem_public.h"

#include <stdbool.h>
#include <string.h>

#include "base/base.h"

struct line {
    const char *text;
    size_t length;      /* without white space at its end */
};

static const char *const public_labels[] = {
    "CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CERTIFICATE", "X509 CRL",
};

/* The next line; where the one after it begins. */
static const char *
next_pem_line(const char *at, const char *end, struct line *line)
{
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    const char *last = stop != NULL ? stop : end;

    while (last > at && strchr(" \t\r", last[-1]) != NULL && last[-1] != '\0')
        last--;
    *line = (struct line){ at, (size_t)(last - at) };
    return stop != NULL ? stop + 1 : end;
}

static bool
is_boundary(const struct line *line, const char *word, const char *label)
{
    const char *const parts[] = { "-----", word, " ", label, "-----" };
    size_t at = 0;

    for (size_t i = 0; i < COUNT(parts); i++) {
        size_t length = strlen(parts[i]);

        if (line->length - at < length
            || memcmp(line->text + at, parts[i], length) != 0)
            return false;
        at += length;
    }
    return at == line->length;
}

/* NULL: no public block begins here. */
static const char *
label_of(const struct line *line)
{
    for (size_t i = 0; i < COUNT(public_labels); i++) {
        if (is_boundary(line, "BEGIN", public_labels[i]))
            return public_labels[i];
    }
    return NULL;
}

/* No header has only such characters, nor does the beginning of a block. */
static bool
is_base64(const struct line *line)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        "abcdefghijklmnopqrstuvwxyz0123456789+/=";

    for (size_t i = 0; i < line->length; i++) {
        if (memchr(digits, line->text[i], sizeof(digits) - 1) == NULL)
            return false;
    }
    return true;
}

/* From behind the first line of a block to behind its last one.  NULL: it is
 * none; what is odd about it may be the beginning of a key. */
static const char *
end_of_block(const char *at, const char *end, const char *label)
{
    struct line line;

    while (at < end) {
        at = next_pem_line(at, end, &line);
        if (is_boundary(&line, "END", label))
            return at;
        if (!is_base64(&line))
            return NULL;
    }
    return NULL;
}

size_t
pem_public_copy(const char *text, size_t length, char *to)
{
    const char *at = text, *end = text + length;
    size_t copied = 0;

    while (at < end) {
        struct line line;
        const char *next = next_pem_line(at, end, &line);
        const char *label = label_of(&line);
        const char *stop = label != NULL ? end_of_block(next, end, label) :
            NULL;

        if (stop != NULL) {
            if (to != NULL)
                memcpy(to + copied, at, (size_t)(stop - at));
            copied += (size_t)(stop - at);
        }
        at = stop != NULL ? stop : next;
    }
    return copied;
}
