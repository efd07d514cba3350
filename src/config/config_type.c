#include "config/config_type.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/size.h"
#include "config/config.h"
#include "config/config_keepalive.h"
#include "config/config_options.h"

/* A joined list goes on in a new line after this: a file's lines are short. */
#define JOINED_MAX 120

/* Where the piece after `joined` starts; at the end of the text, its end. */
static const char *
joined_next(const char *joined)
{
    const char *cut = joined, *colon;

    if (strlen(joined) <= JOINED_MAX)
        return strchr(joined, '\0');
    while ((colon = strchr(cut + 1, ':')) != NULL
        && (cut == joined || colon - joined <= JOINED_MAX))
        cut = colon;
    return cut == joined ? strchr(joined, '\0') : cut + 1;
}

static char *
joined_piece(const char *joined, size_t index)
{
    const char *end;

    while (index-- > 0)
        joined = joined_next(joined);
    end = joined_next(joined);
    return strndup(joined, (size_t)(end - joined) - (*end != '\0'));
}

static size_t
joined_count(const char *joined)
{
    size_t count = 0;

    for (; joined != NULL && *joined != '\0'; joined = joined_next(joined))
        count++;
    return count;
}

size_t
config_type_count(const struct option *option, const void *base)
{
    const void *field = (const char *)base + option->offset;

    switch (option->type) {
    case OPTION_PATHS:
    case OPTION_TRUST:
    case OPTION_PATTERNS:
    case OPTION_PROTOCOLS:
        return ((const struct strings *)field)->count;
    case OPTION_LISTEN:
    case OPTION_CONNECT:
        return ((const struct endpoints *)field)->count;
    case OPTION_JOINED:
        return joined_count(*(char *const *)field);
    case OPTION_PATH:
    case OPTION_HOST:
    case OPTION_SNI:
    case OPTION_OWNER:
    case OPTION_ACCOUNT:
    case OPTION_CONTROL:
        return *(char *const *)field != NULL ? 1 : 0;
    default:
        return 1;
    }
}

static char *
format_word(const struct option *option, unsigned value)
{
    for (size_t i = 0; option->words[i].word != NULL; i++) {
        if (option->words[i].value == value)
            return strdup(option->words[i].word);
    }
    return strdup("?");
}

static char *
format_number(const struct option *option, uint64_t value)
{
    char text[DURATION_TEXT_SIZE > BYTES_TEXT_SIZE
        ? DURATION_TEXT_SIZE : BYTES_TEXT_SIZE];

    if (value == 0 && option->zero != NULL)
        return strdup(option->zero);
    if (option->type == OPTION_MSEC)
        return strdup(duration_format(value, text));
    if (option->type == OPTION_SIZE)
        return strdup(bytes_format(value, text));
    snprintf(text, sizeof(text), "%" PRIu64, value);
    return strdup(text);
}

static char *
format_log(const struct global_config *global)
{
    static const char *const words[] = {
        [LOG_STDERR] = "stderr", [LOG_SYSLOG] = "syslog",
        [LOG_JOURNAL] = "journal",
    };
    char *text;

    if (global->log_target != LOG_FILE)
        return strdup(words[global->log_target]);
    return asprintf(&text, "file:%s", global->log_path) < 0 ? NULL : text;
}

static char *
format_keepalive(const struct keepalive *keepalive)
{
    char text[KEEPALIVE_TEXT_SIZE];

    return strdup(config_keepalive_format(keepalive, text));
}

static char *
format_mode(mode_t mode)
{
    char *text;

    return asprintf(&text, "%04o", (unsigned)mode) < 0 ? NULL : text;
}

char *
config_type(const struct option *option, const void *base, size_t index)
{
    const void *field = (const char *)base + option->offset;

    switch (option->type) {
    case OPTION_BOOL:
        return strdup(*(const bool *)field ? "yes" : "no");
    case OPTION_WORD:
        return format_word(option, *(const unsigned *)field);
    case OPTION_NUMBER:
        return format_number(option, *(const unsigned *)field);
    case OPTION_MSEC:
        return format_number(option, *(const uint64_t *)field);
    case OPTION_SIZE:
        return format_number(option, *(const size_t *)field);
    case OPTION_MODE:
        return format_mode(*(const mode_t *)field);
    case OPTION_JOINED:
        return joined_piece(*(char *const *)field, index);
    case OPTION_KEEPALIVE:
        return format_keepalive(field);
    case OPTION_LISTEN:
    case OPTION_CONNECT:
        return strdup(((const struct endpoints *)field)->items[index].text);
    case OPTION_LOG:
        return format_log(base);
    case OPTION_PATHS:
    case OPTION_TRUST:
    case OPTION_PATTERNS:
    case OPTION_PROTOCOLS:
        return strdup(((const struct strings *)field)->items[index]);
    case OPTION_PATH:
    case OPTION_HOST:
    case OPTION_SNI:
    case OPTION_OWNER:
    case OPTION_ACCOUNT:
    case OPTION_CONTROL:
    case OPTION_TYPE_COUNT:
        break;
    }
    return strdup(*(char *const *)field);
}
