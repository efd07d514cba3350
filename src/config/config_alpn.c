#include "config/config_alpn.h"

#include <string.h>

#include "base/strings.h"
#include "config/config_fault.h"

#define ALPN_NAME_MAX 255
#define ALPN_TOTAL_MAX 65533    /* RFC 7301: 2 bytes of length are before it */

static bool
add_protocol(struct strings *protocols, const char *text, const char *name,
    size_t length, struct fault *fault)
{
    size_t total = length + 1;

    if (length == 0 || length > ALPN_NAME_MAX)
        return config_refuse(fault, "\"%s\" has a name of %zu bytes; a "
            "protocol's has 1 to %d", text, length, ALPN_NAME_MAX);
    for (size_t i = 0; i < protocols->count; i++) {
        const char *known = protocols->items[i];

        if (strlen(known) == length && memcmp(known, name, length) == 0)
            return config_refuse(fault, "\"%.*s\" is named twice",
                (int)length, name);
        total += strlen(known) + 1;
    }
    if (total > ALPN_TOTAL_MAX)
        return config_refuse(fault, "the protocols are too many");
    return strings_add(protocols, name, length)
        || config_no_memory(fault);
}

bool
config_alpn_add(struct strings *protocols, const char *text,
    struct fault *fault)
{
    const char *name = text;

    for (;;) {
        size_t whole, length;

        name += strspn(name, " ");
        whole = length = strcspn(name, ",");
        while (length > 0 && name[length - 1] == ' ')
            length--;
        for (size_t i = 0; i < length; i++) {
            if (name[i] <= ' ' || name[i] > '~')
                return config_refuse(fault, "\"%s\" holds a blank or a "
                    "foreign letter; separate names by ','", text);
        }
        if (!add_protocol(protocols, text, name, length, fault))
            return false;
        if (name[whole] == '\0')
            return true;
        name += whole + 1;
    }
}

bool
config_alpn_is_client(const struct strings *protocols)
{
    return protocols->count == 1 && strcmp(protocols->items[0], "client") == 0;
}
