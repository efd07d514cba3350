#include "config/config_fault.h"

#include <stdarg.h>
#include <stdio.h>

#include "config/config_fields.h"

void
config_fault_set(struct fault *fault, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(fault->text, sizeof(fault->text), format, arguments);
    va_end(arguments);
}

void
config_fault_add(struct error *error, const struct origin *origin,
    const char *section, const char *key, const char *format, ...)
{
    char text[1024], line[32] = "";
    bool in_file = origin->line > 0;
    bool named = in_file && section != NULL;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (in_file)
        snprintf(line, sizeof(line), ":%u", origin->line);
    error_add(error, "%s%s: %s%s%s%s%s%s", origin->file, line,
        named ? "[" : "", named ? section : "", named ? "] " : "",
        key != NULL ? key : "", key != NULL ? ": " : "", text);
}
