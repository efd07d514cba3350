#include "config/config_type.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_fault.h"
#include "config/config_options.h"
#include "config/config_type_rows.h"
#include "config/config_type_table.h"

static const struct config_type *
type_row(const struct option *option)
{
    return config_type_table[option->type];
}

static const void *
field_of(const struct option *option, const void *base)
{
    return (const char *)base + option->offset;
}

/* A value that was refused, and has what may be meant for a comment, or for the end
 * of an nginx line. */
static void
explain_semicolon(const char *text, struct fault *fault)
{
    size_t length = strcspn(text, ";");
    const char *rest = text + length;

    if (length == 0 || *rest == '\0')
        return;
    if (rest[1] == '\0')
        config_fault_set(fault, "\"%s\" ends with a ';', which no line here "
            "needs; write %.*s", text, (int)length, text);
    else if (rest[1] == ' ')
        config_fault_set(fault, "\"%s\": a comment after a value begins with a "
            "blank and ';'; write %.*s ;%s", text, (int)length, text,
            rest + 1);
}

bool
config_type_parse(const struct option *option, const char *text,
    const char *directory, struct files *files, void *base,
    struct fault *fault)
{
    struct config_parse p = {
        .option = option, .text = text, .directory = directory,
        .files = files, .field = config_option_field(option, base),
        .fault = fault,
    };

    if (*text == '\0')
        return config_refuse(fault, "the value is missing after the '='");
    if (type_row(option)->parse(&p))
        return true;
    explain_semicolon(text, fault);
    config_fault_shorten(fault, text);
    return false;
}

size_t
config_type_count(const struct option *option, const void *base)
{
    const struct config_type *type = type_row(option);

    return type->count != NULL ? type->count(field_of(option, base)) : 1;
}

char *
config_type_format(const struct option *option, const void *base, size_t index)
{
    return type_row(option)->format(option, field_of(option, base), index);
}

static bool
is_same_value(const struct option *option, const void *a, const void *b,
    size_t index)
{
    char *one = config_type_format(option, a, index);
    char *other = config_type_format(option, b, index);
    bool same = one != NULL && other != NULL && strcmp(one, other) == 0;

    free(one);
    free(other);
    return same;
}

bool
config_type_same(const struct option *option, const void *a, const void *b)
{
    size_t count = config_type_count(option, a);

    if (count != config_type_count(option, b))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!is_same_value(option, a, b, i))
            return false;
    return true;
}

void
config_type_clear(const struct option *option, void *base)
{
    const struct config_type *type = type_row(option);

    if (type->clear != NULL)
        type->clear(config_option_field(option, base));
}

struct origin *
config_type_origin(const struct option *option, const void *base,
    size_t index)
{
    const struct config_type *type = type_row(option);

    return type->origin != NULL
        ? type->origin(field_of(option, base), index) : NULL;
}

const char *
config_type_expects(const struct option *option,
    char text[CONFIG_TYPE_EXPECTS_SIZE])
{
    const struct config_type *type = type_row(option);

    if (type->describe != NULL)
        type->describe(option, text, CONFIG_TYPE_EXPECTS_SIZE);
    else
        snprintf(text, CONFIG_TYPE_EXPECTS_SIZE, "%s", type->expects);
    return text;
}
