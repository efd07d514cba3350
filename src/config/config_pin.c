#include "config/config_pin.h"

#include <string.h>

#include "config/config_fault.h"

enum { DIGITS = 44 }; /* base64 of 32 bytes */

#define PREFIX "sha256/"

/* The last digit but one has two bits that no byte has. */
bool
config_pin_is(const char *text)
{
    const char *digits = text + strlen(PREFIX);

    return strncmp(text, PREFIX, strlen(PREFIX)) == 0 &&
        strlen(digits) == DIGITS && digits[DIGITS - 1] == '=' &&
        strspn(digits, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
            "0123456789+/") == DIGITS - 1 &&
        strchr("AEIMQUYcgkosw048", digits[DIGITS - 2]) != NULL;
}

bool
config_pin_add(struct strings *pins, const char *text, struct fault *fault)
{
    if (!config_pin_is(text))
        return config_refuse(fault, "\"%s\" is no digest of a public key; "
            "write sha256/ and the 44 characters of its base64", text);
    for (size_t i = 0; i < pins->count; i++)
        if (strcmp(pins->items[i], text) == 0)
            return config_refuse(fault, "\"%s\" is named twice", text);
    return strings_add(pins, text, strlen(text)) || config_no_memory(fault);
}
