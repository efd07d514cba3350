#include "admin/control_request.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "config/config_read.h"

_Static_assert(CONTROL_NAME_MAX == SERVICE_NAME_MAX, "a name fits");

static const struct {
    const char *words; /* a blank at the end: a name follows */
    enum control_verb verb;
} requests[] = {
    { "status", CONTROL_STATUS },
    { "status json", CONTROL_STATUS_JSON },
    { "reload", CONTROL_RELOAD },
    { "upgrade", CONTROL_UPGRADE },
    { "drain ", CONTROL_DRAIN },
};

/* As the configuration has it: no blank, no control byte. */
static bool
take_name(struct control_request *out, const char *name, size_t length)
{
    if (length == 0 || length > CONTROL_NAME_MAX)
        return false;
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = (uint8_t)name[i];

        if (byte <= ' ' || byte == 0x7f)
            return false;
    }
    memcpy(out->name, name, length);
    return true;
}

static bool
take_line(struct control_request *out, const char *line, size_t length)
{
    for (size_t i = 0; i < COUNT(requests); i++) {
        const char *words = requests[i].words;
        size_t size = strlen(words);
        bool has_name = words[size - 1] == ' ';

        if (length < size || memcmp(line, words, size) != 0)
            continue;
        *out = (struct control_request){ .verb = requests[i].verb };
        if (has_name)
            return take_name(out, line + size, length - size);
        if (length == size)
            return true;
    }
    return false;
}

enum control_verdict
control_request_parse(
    const void *data, size_t length, struct control_request *out)
{
    const char *line = data;
    const char *end = length > 0 ? memchr(line, '\n', length) : NULL;
    size_t size = end != NULL ? (size_t)(end - line) : length;

    *out = (struct control_request){ 0 };
    if (size >= CONTROL_LINE_MAX)
        return CONTROL_BAD;
    if (end == NULL)
        return CONTROL_MORE;
    if (size + 1 < length || !take_line(out, line, size))
        return CONTROL_BAD;
    return CONTROL_DONE;
}
