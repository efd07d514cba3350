#include "config/config_type_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_fault.h"
#include "config/config_fields.h"
#include "config/config_keepalive.h"
#include "config/config_number.h"

/* OPTION_BOOL */

static bool
parse_bool(const struct config_parse *p)
{
    bool yes = strcmp(p->text, "yes") == 0;

    if (!yes && strcmp(p->text, "no") != 0)
        return config_refuse(p->fault, "\"%s\" is neither yes nor no",
            p->text);
    *(bool *)p->field = yes;
    return true;
}

static char *
format_bool(const struct option *option, const void *field, size_t index)
{
    (void)option;
    (void)index;
    return strdup(*(const bool *)field ? "yes" : "no");
}

/* OPTION_WORD */

/* "a, b or c" */
static void
describe_word(const struct option *option, char *text, size_t size)
{
    const struct option_word *words = option->words;
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; words[i].word != NULL && used < size; i++) {
        const char *before = i == 0 ? ""
            : words[i + 1].word == NULL ? " or " : ", ";

        used += (size_t)snprintf(text + used, size - used, "%s%s", before,
            words[i].word);
    }
}

static bool
parse_word(const struct config_parse *p)
{
    const struct option_word *word = p->option->words;
    char known[128];

    for (; word->word != NULL; word++) {
        if (strcmp(word->word, p->text) == 0) {
            *(unsigned *)p->field = word->value;
            return true;
        }
    }
    describe_word(p->option, known, sizeof(known));
    return config_refuse(p->fault, "\"%s\" is not known here; write %s",
        p->text, known);
}

static char *
format_word(const struct option *option, const void *field, size_t index)
{
    unsigned value = *(const unsigned *)field;

    (void)index;
    for (size_t i = 0; option->words[i].word != NULL; i++)
        if (option->words[i].value == value)
            return strdup(option->words[i].word);
    return strdup("?");
}

/* OPTION_NUMBER, OPTION_MSEC, OPTION_SIZE */

static bool
parse_count(const struct config_parse *p)
{
    uint64_t value;

    if (!config_number_parse(p->option, p->text, &value, p->fault))
        return false;
    *(unsigned *)p->field = (unsigned)value;
    return true;
}

static char *
format_number(const struct option *option, const void *field, size_t index)
{
    (void)index;
    return config_number_format(option, *(const unsigned *)field);
}

static bool
parse_msec(const struct config_parse *p)
{
    return config_number_parse_time(p->option, p->text, p->field, p->fault);
}

static char *
format_msec(const struct option *option, const void *field, size_t index)
{
    (void)index;
    return config_number_format_time(option, *(const uint64_t *)field);
}

static bool
parse_size(const struct config_parse *p)
{
    uint64_t value;

    if (!config_number_parse_size(p->option, p->text, &value, p->fault))
        return false;
    *(size_t *)p->field = (size_t)value;
    return true;
}

static char *
format_size(const struct option *option, const void *field, size_t index)
{
    (void)index;
    return config_number_format_size(option, *(const size_t *)field);
}

/* OPTION_MODE */

static bool
parse_mode(const struct config_parse *p)
{
    size_t length = strlen(p->text);

    if (p->text[strspn(p->text, "01234567")] != '\0' || length < 3
        || length > 4 || (length == 4 && p->text[0] != '0'))
        return config_refuse(p->fault, "\"%s\" is not a mode; write three "
            "octal digits, such as 0660", p->text);
    *(mode_t *)p->field = (mode_t)strtoul(p->text, NULL, 8);
    return true;
}

static char *
format_mode(const struct option *option, const void *field, size_t index)
{
    char *text;

    (void)option;
    (void)index;
    return asprintf(&text, "%04o", (unsigned)*(const mode_t *)field) < 0
        ? NULL : text;
}

/* OPTION_KEEPALIVE */

static bool
parse_keepalive(const struct config_parse *p)
{
    return config_keepalive_parse(p->field, p->text, p->fault);
}

static char *
format_keepalive(const struct option *option, const void *field,
    size_t index)
{
    char text[KEEPALIVE_TEXT_SIZE];

    (void)option;
    (void)index;
    return strdup(config_keepalive_format(field, text));
}

const struct config_type config_type_bool = {
    .parse = parse_bool,
    .format = format_bool,
    .expects = "yes or no",
};

const struct config_type config_type_word = {
    .parse = parse_word,
    .format = format_word,
    .describe = describe_word,
};

const struct config_type config_type_number = {
    .parse = parse_count,
    .format = format_number,
    .describe = config_number_expects,
};

const struct config_type config_type_msec = {
    .parse = parse_msec,
    .format = format_msec,
    .describe = config_number_expects_time,
};

const struct config_type config_type_size = {
    .parse = parse_size,
    .format = format_size,
    .describe = config_number_expects_size,
};

const struct config_type config_type_mode = {
    .parse = parse_mode,
    .format = format_mode,
    .expects = "octal digits, such as 0660",
};

const struct config_type config_type_keepalive = {
    .parse = parse_keepalive,
    .format = format_keepalive,
    .expects = "IDLE INTERVAL COUNT, or off",
};
