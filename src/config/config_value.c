#include "config/config_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/number.h"
#include "base/size.h"
#include "config/config.h"
#include "config/config_endpoint.h"
#include "config/config_fault.h"
#include "config/config_host.h"
#include "config/config_keepalive.h"
#include "config/config_options.h"

#define ALPN_NAME_MAX 255
#define ALPN_TOTAL_MAX 65533    /* RFC 7301: 2 bytes of length are before it */

/* What a parser works on. */
struct parse {
    const struct option *option;
    const char *text;
    const char *directory;
    struct files *files;
    void *base;     /* the struct, for a type that sets several fields */
    void *field;
    struct fault *fault;
};

static bool
out_of_memory(const struct parse *p)
{
    return config_refuse(p->fault, "out of memory");
}

static bool
set_string(const struct parse *p, char **field, char *copy)
{
    if (copy == NULL)
        return out_of_memory(p);
    free(*field);
    *field = copy;
    return true;
}

static bool
is_visible(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text <= ' ' || *text > '~')
            return false;
    }
    return true;
}

static bool
parse_bool(const struct parse *p)
{
    bool yes = strcmp(p->text, "yes") == 0;

    if (!yes && strcmp(p->text, "no") != 0)
        return config_refuse(p->fault, "\"%s\" is neither yes nor no",
            p->text);
    *(bool *)p->field = yes;
    return true;
}

/* "a, b or c" */
static void
list_words(const struct option_word *words, char *text, size_t size)
{
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
parse_word(const struct parse *p)
{
    const struct option_word *word = p->option->words;
    char known[128];

    for (; word->word != NULL; word++) {
        if (strcmp(word->word, p->text) == 0) {
            *(unsigned *)p->field = word->value;
            return true;
        }
    }
    list_words(p->option->words, known, sizeof(known));
    return config_refuse(p->fault, "\"%s\" is not known here; write %s",
        p->text, known);
}

/* The word that stands for 0, such as "off"? */
static bool
is_zero_word(const struct parse *p)
{
    return p->option->zero != NULL && strcmp(p->text, p->option->zero) == 0;
}

static bool
in_range(const struct parse *p, uint64_t value)
{
    return value >= p->option->min && value <= p->option->max;
}

static const char *
or_word(const struct parse *p, char text[32])
{
    const char *zero = p->option->zero;

    snprintf(text, 32, "%s%s", zero != NULL ? ", or " : "",
        zero != NULL ? zero : "");
    return text;
}

static bool
parse_number(const struct parse *p)
{
    uint64_t value = 0;
    char zero[32];

    if (is_zero_word(p)) {
        *(unsigned *)p->field = 0;
        return true;
    }
    if (!number_parse(p->text, &value) || !in_range(p, value))
        return config_refuse(p->fault, "\"%s\" is not a number from %ju to "
            "%ju%s", p->text, (uintmax_t)p->option->min,
            (uintmax_t)p->option->max, or_word(p, zero));
    *(unsigned *)p->field = (unsigned)value;
    return true;
}

static bool
parse_msec(const struct parse *p)
{
    char least[DURATION_TEXT_SIZE], most[DURATION_TEXT_SIZE], zero[32];
    uint64_t value = 0;
    bool off = strcmp(p->text, "off") == 0;

    if (is_zero_word(p)) {
        *(uint64_t *)p->field = 0;
        return true;
    }
    if (off || !duration_parse(p->text, &value))
        return config_refuse(p->fault, "\"%s\" is not a time; write a number "
            "with a unit (ms, s, m, h, d), such as 30s%s", p->text,
            or_word(p, zero));
    if (!in_range(p, value))
        return config_refuse(p->fault, "\"%s\" is out of range; write a time "
            "from %s to %s%s", p->text,
            duration_format(p->option->min, least),
            duration_format(p->option->max, most), or_word(p, zero));
    *(uint64_t *)p->field = value;
    return true;
}

static bool
parse_size(const struct parse *p)
{
    char least[BYTES_TEXT_SIZE], most[BYTES_TEXT_SIZE], zero[32];
    uint64_t value = 0;

    if (is_zero_word(p)) {
        *(size_t *)p->field = 0;
        return true;
    }
    if (!bytes_parse(p->text, &value))
        return config_refuse(p->fault, "\"%s\" is not a size; write %s%s",
            p->text, BYTES_EXPECTED, or_word(p, zero));
    if (!in_range(p, value))
        return config_refuse(p->fault, "\"%s\" is out of range; write a size "
            "from %s to %s%s", p->text, bytes_format(p->option->min, least),
            bytes_format(p->option->max, most), or_word(p, zero));
    *(size_t *)p->field = (size_t)value;
    return true;
}

static bool
parse_mode(const struct parse *p)
{
    size_t length = strlen(p->text);

    if (p->text[strspn(p->text, "01234567")] != '\0' || length < 3
        || length > 4 || (length == 4 && p->text[0] != '0'))
        return config_refuse(p->fault, "\"%s\" is not a mode; write three "
            "octal digits, such as 0660", p->text);
    *(mode_t *)p->field = (mode_t)strtoul(p->text, NULL, 8);
    return true;
}

/* The absolute path, allocated; NULL: no memory. */
static char *
resolve(const char *path, const char *directory)
{
    char *joined;

    if (path[0] == '/' || directory == NULL)
        return strdup(path);
    return asprintf(&joined, "%s/%s", directory, path) < 0 ? NULL : joined;
}

static bool
parse_text(const struct parse *p)
{
    return set_string(p, p->field, strdup(p->text));
}

static bool
parse_path(const struct parse *p)
{
    return set_string(p, p->field, resolve(p->text, p->directory));
}

static bool
add_string(const struct parse *p, const char *text, size_t length)
{
    return strings_add(p->field, text, length) || out_of_memory(p);
}

static bool
parse_paths(const struct parse *p)
{
    char *path = resolve(p->text, p->directory);
    bool added = path != NULL ? add_string(p, path, strlen(path))
        : out_of_memory(p);

    free(path);
    return added;
}

static bool
parse_trust(const struct parse *p)
{
    if (strcmp(p->text, "system") == 0)
        return add_string(p, p->text, strlen(p->text));
    return parse_paths(p);
}

static bool
parse_patterns(const struct parse *p)
{
    return add_string(p, p->text, strlen(p->text));
}

static bool
parse_joined(const struct parse *p)
{
    char **field = p->field, *joined;
    size_t length = strlen(p->text);

    if (!is_visible(p->text))
        return config_refuse(p->fault, "\"%s\" holds a blank or a foreign "
            "letter; separate names by ':'", p->text);
    if (p->text[0] == ':' || p->text[length - 1] == ':'
        || strstr(p->text, "::") != NULL)
        return config_refuse(p->fault, "\"%s\" has nothing between two ':'",
            p->text);
    if (*field == NULL)
        return parse_text(p);
    if (asprintf(&joined, "%s:%s", *field, p->text) < 0)
        return out_of_memory(p);
    return set_string(p, field, joined);
}

static bool
add_protocol(const struct parse *p, const char *name, size_t length)
{
    const struct strings *known = p->field;
    size_t total = length + 1;

    if (length == 0 || length > ALPN_NAME_MAX)
        return config_refuse(p->fault, "\"%s\" has a name of %zu bytes; a "
            "protocol's has 1 to %d", p->text, length, ALPN_NAME_MAX);
    for (size_t i = 0; i < known->count; i++) {
        if (strlen(known->items[i]) == length
            && memcmp(known->items[i], name, length) == 0)
            return config_refuse(p->fault, "\"%.*s\" is named twice",
                (int)length, name);
        total += strlen(known->items[i]) + 1;
    }
    if (total > ALPN_TOTAL_MAX)
        return config_refuse(p->fault, "the protocols are too many");
    return add_string(p, name, length);
}

static bool
parse_protocols(const struct parse *p)
{
    const char *name = p->text;

    for (;;) {
        size_t whole, length;

        name += strspn(name, " ");
        whole = length = strcspn(name, ",");
        while (length > 0 && name[length - 1] == ' ')
            length--;
        for (size_t i = 0; i < length; i++) {
            if (name[i] <= ' ' || name[i] > '~')
                return config_refuse(p->fault, "\"%s\" holds a blank or a "
                    "foreign letter; separate names by ','", p->text);
        }
        if (!add_protocol(p, name, length))
            return false;
        if (name[whole] == '\0')
            return true;
        name += whole + 1;
    }
}

static bool
parse_keepalive(const struct parse *p)
{
    return config_keepalive_parse(p->field, p->text, p->fault);
}

static bool
parse_host(const struct parse *p)
{
    struct host host;

    return config_host_parse(&host, p->text, p->fault)
        && set_string(p, p->field, strdup(host.text));
}

static bool
parse_sni(const struct parse *p)
{
    struct host host;

    if (strcmp(p->text, "none") == 0)
        return parse_text(p);
    if (!config_host_parse(&host, p->text, p->fault))
        return false;
    if (host.kind != HOST_NAME)
        return config_refuse(p->fault, "\"%s\" is an address; SNI carries "
            "names only: write a name, or none", p->text);
    return set_string(p, p->field, strdup(host.text));
}

static const char account_letters[] = "abcdefghijklmnopqrstuvwxyz"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-$";

static bool
parse_owner(const struct parse *p)
{
    const char *known = account_letters;
    size_t user = strspn(p->text, known), group = 0;
    bool good = user > 0;

    if (p->text[user] == ':') {
        group = strspn(p->text + user + 1, known);
        good = good && group > 0 && p->text[user + 1 + group] == '\0';
    } else {
        good = good && p->text[user] == '\0';
    }
    if (!good)
        return config_refuse(p->fault, "\"%s\" is not USER or USER:GROUP",
            p->text);
    return parse_text(p);
}

static bool
parse_account(const struct parse *p)
{
    if (p->text[strspn(p->text, account_letters)] != '\0')
        return config_refuse(p->fault, "\"%s\" is not the name of a user or "
            "group", p->text);
    return parse_text(p);
}

static bool
parse_control(const struct parse *p)
{
    if (strcmp(p->text, "auto") == 0 || strcmp(p->text, "none") == 0)
        return parse_text(p);
    return parse_path(p);
}

static bool
add_endpoint(const struct parse *p, enum endpoint_use use)
{
    struct endpoints *list = p->field;
    struct endpoint endpoint, *grown;

    if (!config_endpoint_parse(p->files, &endpoint, p->text, use, p->fault))
        return false;
    grown = reallocarray(list->items, list->count + 1, sizeof(*grown));
    if (grown == NULL) {
        config_endpoint_clear(&endpoint);
        return out_of_memory(p);
    }
    list->items = grown;
    list->items[list->count++] = endpoint;
    return true;
}

static bool
parse_listen(const struct parse *p)
{
    return add_endpoint(p, ENDPOINT_LISTEN);
}

static bool
parse_connect(const struct parse *p)
{
    return add_endpoint(p, ENDPOINT_CONNECT);
}

static bool
parse_log(const struct parse *p)
{
    static const struct option_word words[] = {
        { "stderr", LOG_STDERR }, { "syslog", LOG_SYSLOG },
        { "journal", LOG_JOURNAL },
    };
    struct global_config *global = p->base;

    if (strncmp(p->text, "file:", 5) == 0 && p->text[5] != '\0') {
        global->log_target = LOG_FILE;
        return set_string(p, &global->log_path,
            resolve(p->text + 5, p->directory));
    }
    for (size_t i = 0; i < COUNT(words); i++) {
        if (strcmp(words[i].word, p->text) == 0) {
            global->log_target = words[i].value;
            return true;
        }
    }
    return config_refuse(p->fault, "\"%s\" is not known here; write stderr, "
        "file:PATH, syslog or journal", p->text);
}

static bool (*const parsers[OPTION_TYPE_COUNT])(const struct parse *) = {
    [OPTION_BOOL] = parse_bool,
    [OPTION_WORD] = parse_word,
    [OPTION_NUMBER] = parse_number,
    [OPTION_MSEC] = parse_msec,
    [OPTION_SIZE] = parse_size,
    [OPTION_MODE] = parse_mode,
    [OPTION_PATH] = parse_path,
    [OPTION_PATHS] = parse_paths,
    [OPTION_TRUST] = parse_trust,
    [OPTION_PATTERNS] = parse_patterns,
    [OPTION_JOINED] = parse_joined,
    [OPTION_PROTOCOLS] = parse_protocols,
    [OPTION_KEEPALIVE] = parse_keepalive,
    [OPTION_HOST] = parse_host,
    [OPTION_SNI] = parse_sni,
    [OPTION_OWNER] = parse_owner,
    [OPTION_ACCOUNT] = parse_account,
    [OPTION_CONTROL] = parse_control,
    [OPTION_LISTEN] = parse_listen,
    [OPTION_CONNECT] = parse_connect,
    [OPTION_LOG] = parse_log,
};

bool
config_value_parse(const struct option *option, const char *text,
    const char *directory, struct files *files, void *base,
    struct fault *fault)
{
    struct parse p = {
        .option = option, .text = text, .directory = directory,
        .files = files, .base = base, .field = config_option_field(option, base),
        .fault = fault,
    };

    if (*text == '\0')
        return config_refuse(fault, "the value is missing after the '='");
    return parsers[option->type](&p);
}
