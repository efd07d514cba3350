#include "config/config_fault.h"

#include <stdio.h>
#include <string.h>

#include "config/config_fields.h"

enum { QUOTED_MOST = 30 };

void
config_fault_vset(struct fault *fault, const char *format, va_list arguments)
{
    fault->kind = format;
    vsnprintf(fault->text, sizeof(fault->text), format, arguments);
}

void
config_fault_set(struct fault *fault, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    config_fault_vset(fault, format, arguments);
    va_end(arguments);
}

static size_t
common_length(const char *a, const char *b)
{
    size_t length = 0;

    while (a[length] != '\0' && a[length] == b[length])
        length++;
    return length;
}

/* How much of `text` stands somewhere in `whole`. */
static size_t
quoted_length(const char *text, const char *whole)
{
    size_t most = 0;

    for (; *whole != '\0'; whole++) {
        size_t length = common_length(text, whole);

        if (length > most)
            most = length;
    }
    return most;
}

/* The bytes of the first characters, which are of UTF-8, or of less. */
static size_t
first_bytes(const char *text, size_t length)
{
    size_t characters = 0;

    for (size_t i = 0; i < length; i++) {
        bool begins = ((unsigned char)text[i] & 0xC0) != 0x80;

        if (begins && characters++ == QUOTED_MOST)
            return i;
    }
    return length;
}

void
config_fault_shorten(struct fault *fault, const char *refused)
{
    static const char mark[] = "...";
    char *at = fault->text;

    while ((at = strpbrk(at, "\"[")) != NULL) {
        size_t length = quoted_length(++at, refused);
        size_t kept = first_bytes(at, length);

        if (length < kept + sizeof(mark))
            continue;
        memcpy(at + kept, mark, sizeof(mark) - 1);
        kept += sizeof(mark) - 1;
        memmove(at + kept, at + length, strlen(at + length) + 1);
        at += kept;
    }
}

struct error_place
config_fault_place(const struct origin *origin)
{
    return (struct error_place){ origin->number, origin->line };
}

void
config_fault_report(struct error *error, const struct origin *origin,
    const char *section, const char *key, const struct fault *fault)
{
    char line[32] = "";
    bool in_file = origin->line > 0;
    bool named = in_file && section != NULL;

    if (in_file)
        snprintf(line, sizeof(line), ":%u", origin->line);
    error_add_at(error, config_fault_place(origin), fault->kind,
        "%s%s: %s%s%s%s%s%s", origin->file, line, named ? "[" : "",
        named ? section : "", named ? "] " : "", key != NULL ? key : "",
        key != NULL ? ": " : "", fault->text);
}

void
config_fault_add(struct error *error, const struct origin *origin,
    const char *section, const char *key, const char *format, ...)
{
    struct fault fault;
    va_list arguments;

    va_start(arguments, format);
    config_fault_vset(&fault, format, arguments);
    va_end(arguments);
    config_fault_report(error, origin, section, key, &fault);
}
