#include "base/escape.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define CUT_MARK "..."
#define CUT_LENGTH (sizeof(CUT_MARK) - 1)

/* The longest form of one byte: "\\xNN" inside a JSON string. */
#define UNIT_MAX 5

static bool
is_unescaped(uint8_t byte, unsigned flags)
{
    if (byte < 0x20 || byte > 0x7e)
        return false;
    if (byte == '"' || byte == '\\')
        return (flags & ESCAPE_MESSAGE) != 0;
    return true;
}

static size_t
escape_byte(char unit[UNIT_MAX], uint8_t byte, unsigned flags)
{
    static const char digits[] = "0123456789abcdef";
    bool kept = is_unescaped(byte, flags);
    size_t length = 0;

    if ((flags & ESCAPE_JSON) && (!kept || byte == '"' || byte == '\\'))
        unit[length++] = '\\';
    if (kept) {
        unit[length++] = (char)byte;
        return length;
    }
    unit[length++] = '\\';
    unit[length++] = 'x';
    unit[length++] = digits[byte >> 4];
    unit[length++] = digits[byte & 15];
    return length;
}

size_t
escape_bytes(char *text, size_t size, const void *data, size_t length,
    unsigned flags)
{
    const uint8_t *bytes = data;
    char unit[UNIT_MAX];
    size_t used = 0, cut = 0;   /* cut: the last place the mark fits */

    assert(size > CUT_LENGTH);
    for (size_t i = 0; i < length; i++) {
        size_t unit_length = escape_byte(unit, bytes[i], flags);

        if (used + unit_length >= size) {
            memcpy(text + cut, CUT_MARK, CUT_LENGTH + 1);
            return cut + CUT_LENGTH;
        }
        memcpy(text + used, unit, unit_length);
        used += unit_length;
        if (used + CUT_LENGTH < size)
            cut = used;
    }
    text[used] = '\0';
    return used;
}

static int
hex_value(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = digit != '\0' ? strchr(digits, digit) : NULL;

    return at != NULL ? (int)(at - digits) : -1;
}

/* 0: none begins there, or that of a NUL byte. */
static int
escaped_byte(const char *text)
{
    int high, low;

    if (text[0] != '\\' || text[1] != 'x')
        return 0;
    high = hex_value(text[2]);
    low = high >= 0 ? hex_value(text[3]) : -1;
    return low >= 0 ? high << 4 | low : 0;
}

void
escape_undo(char *text)
{
    char *to = text;
    int byte;

    while (*text != '\0') {
        byte = escaped_byte(text);
        *to++ = byte > 0 ? (char)byte : *text;
        text += byte > 0 ? 4 : 1;
    }
    *to = '\0';
}
