#include "admin/control_request.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "config/config_read.h"

_Static_assert(CONTROL_NAME_MAX == SERVICE_NAME_MAX, "a name fits");

/* As the configuration has it: no blank, no control byte. */
static bool
take_service_name(struct control_request *out, const char *name, size_t length)
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
take_request_line(struct control_request *out, const char *line, size_t length)
{
    const char *blank = memchr(line, ' ', length);
    size_t size = blank != NULL ? (size_t)(blank - line) : length;
    const char *rest = line + size + 1;
    size_t left = blank != NULL ? length - size - 1 : 0;
    const struct verb_info *info;

    if (!verbs_find(line, size, &out->verb))
        return false;
    info = verbs_info(out->verb);
    if (info->argument != NULL)
        return take_service_name(out, rest, left);
    out->json = info->has_json && left == 4 && memcmp(rest, "json", 4) == 0;
    return blank == NULL || out->json;
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
    if (size + 1 < length || !take_request_line(out, line, size))
        return CONTROL_BAD;
    return CONTROL_DONE;
}

bool
control_request_format(
    const struct control_request *request, char line[CONTROL_LINE_MAX + 1])
{
    const struct verb_info *info = verbs_info(request->verb);
    struct control_request again;
    int length = snprintf(line, CONTROL_LINE_MAX + 1, "%s%s%s\n", info->name,
        info->argument != NULL ? " " : request->json ? " json" : "",
        request->name);

    return length <= CONTROL_LINE_MAX &&
        control_request_parse(line, (size_t)length, &again) == CONTROL_DONE;
}
