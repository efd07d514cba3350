#include "config/config_type_table.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_account.h"
#include "config/config_allow.h"
#include "config/config_alpn.h"
#include "config/config_endpoint.h"
#include "config/config_fault.h"
#include "config/config_fields.h"
#include "config/config_host.h"
#include "config/config_joined.h"
#include "config/config_keepalive.h"
#include "config/config_match.h"
#include "config/config_number.h"

/* One string. */

static bool
set_string(const struct config_parse *p, char **field, char *copy)
{
    if (copy == NULL)
        return config_no_memory(p->fault);
    free(*field);
    *field = copy;
    return true;
}

static bool
parse_text(const struct config_parse *p)
{
    return set_string(p, p->field, strdup(p->text));
}

static size_t
count_string(const void *field)
{
    return *(char *const *)field != NULL ? 1 : 0;
}

static char *
format_string(const struct option *option, const void *field, size_t index)
{
    (void)option;
    (void)index;
    return strdup(*(char *const *)field);
}

static void
clear_string(void *field)
{
    char **string = field;

    free(*string);
    *string = NULL;
}

/* A list of strings. */

static bool
add_string(const struct config_parse *p, const char *text)
{
    return strings_add(p->field, text, strlen(text))
        || config_no_memory(p->fault);
}

static size_t
count_strings(const void *field)
{
    return ((const struct strings *)field)->count;
}

static char *
format_strings(const struct option *option, const void *field, size_t index)
{
    (void)option;
    return strdup(((const struct strings *)field)->items[index]);
}

static void
clear_strings(void *field)
{
    strings_clear(field);
}

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

/* OPTION_PATH, OPTION_PATHS, OPTION_TRUST, OPTION_PATTERNS, OPTION_CONTROL */

/* The absolute path, allocated; NULL: no memory. */
static char *
resolve_path(const char *path, const char *directory)
{
    char *joined;

    if (path[0] == '/' || directory == NULL)
        return strdup(path);
    return asprintf(&joined, "%s/%s", directory, path) < 0 ? NULL : joined;
}

static bool
parse_file(const struct config_parse *p)
{
    return set_string(p, p->field, resolve_path(p->text, p->directory));
}

static bool
parse_files(const struct config_parse *p)
{
    char *path = resolve_path(p->text, p->directory);
    bool added = path != NULL ? add_string(p, path)
        : config_no_memory(p->fault);

    free(path);
    return added;
}

static bool
parse_trust(const struct config_parse *p)
{
    return strcmp(p->text, "system") == 0 ? add_string(p, p->text)
        : parse_files(p);
}

static bool
parse_patterns(const struct config_parse *p)
{
    return add_string(p, p->text);
}

static bool
parse_control(const struct config_parse *p)
{
    if (strcmp(p->text, "auto") == 0 || strcmp(p->text, "none") == 0)
        return parse_text(p);
    return parse_file(p);
}

/* OPTION_JOINED, OPTION_PROTOCOLS */

static bool
parse_joined(const struct config_parse *p)
{
    return config_joined_add(p->field, p->text, p->fault);
}

static size_t
count_joined(const void *field)
{
    return config_joined_count(*(char *const *)field);
}

static char *
format_joined(const struct option *option, const void *field, size_t index)
{
    (void)option;
    return config_joined_piece(*(char *const *)field, index);
}

static bool
parse_protocols(const struct config_parse *p)
{
    return config_alpn_add(p->field, p->text, p->fault);
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

/* OPTION_HOST, OPTION_SNI, OPTION_OWNER, OPTION_ACCOUNT */

static bool
parse_host_name(const struct config_parse *p)
{
    struct host host;

    return config_host_parse(&host, p->text, p->fault)
        && set_string(p, p->field, strdup(host.text));
}

static bool
parse_sni(const struct config_parse *p)
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

static bool
parse_owner(const struct config_parse *p)
{
    return config_account_judge_owner(p->text, p->fault) && parse_text(p);
}

static bool
parse_account(const struct config_parse *p)
{
    return config_account_judge(p->text, p->fault) && parse_text(p);
}

/* OPTION_LISTEN, OPTION_CONNECT */

static bool
parse_listen(const struct config_parse *p)
{
    return config_endpoint_add(p->files, p->field, p->text, ENDPOINT_LISTEN,
        p->fault);
}

static bool
parse_connect(const struct config_parse *p)
{
    return config_endpoint_add(p->files, p->field, p->text,
        ENDPOINT_CONNECT, p->fault);
}

static size_t
endpoint_count(const void *field)
{
    return ((const struct endpoints *)field)->count;
}

static char *
format_endpoint(const struct option *option, const void *field,
    size_t index)
{
    (void)option;
    return strdup(((const struct endpoints *)field)->items[index].text);
}

static void
clear_endpoints(void *field)
{
    config_endpoint_clear_all(field);
}

static struct origin *
endpoint_origin(const void *field, size_t index)
{
    return &((const struct endpoints *)field)->items[index].origin;
}

/* OPTION_MATCH */

static bool
parse_match(const struct config_parse *p)
{
    return config_match_add(p->field, p->text, p->fault);
}

static size_t
count_matches(const void *field)
{
    return ((const struct match_rules *)field)->count;
}

static char *
format_match(const struct option *option, const void *field, size_t index)
{
    (void)option;
    return strdup(((const struct match_rules *)field)->items[index].text);
}

static void
clear_matches(void *field)
{
    config_match_clear(field);
}

static struct origin *
match_origin(const void *field, size_t index)
{
    return &((const struct match_rules *)field)->items[index].origin;
}

/* OPTION_ALLOW */

static bool
parse_allow(const struct config_parse *p)
{
    return config_allow_add(p->field, p->text, p->fault);
}

static size_t
count_allow(const void *field)
{
    return ((const struct allow_rules *)field)->count;
}

static char *
format_allow(const struct option *option, const void *field, size_t index)
{
    (void)option;
    return strdup(((const struct allow_rules *)field)->items[index].text);
}

static void
clear_allow(void *field)
{
    config_allow_clear(field);
}

/* OPTION_LOG: two fields, of which the offset leads to the first. */

struct log_fields {
    enum log_target target;
    char *path;
};

static_assert(offsetof(struct global_config, log_path)
        - offsetof(struct global_config, log_target)
        == offsetof(struct log_fields, path), "struct log_fields");

static const struct option_word log_words[] = {
    { "stderr", LOG_STDERR }, { "syslog", LOG_SYSLOG },
    { "journal", LOG_JOURNAL },
};

static bool
parse_log(const struct config_parse *p)
{
    struct log_fields *log = p->field;

    if (strncmp(p->text, "file:", 5) == 0 && p->text[5] != '\0') {
        log->target = LOG_FILE;
        return set_string(p, &log->path,
            resolve_path(p->text + 5, p->directory));
    }
    for (size_t i = 0; i < COUNT(log_words); i++) {
        if (strcmp(log_words[i].word, p->text) == 0) {
            log->target = log_words[i].value;
            return true;
        }
    }
    return config_refuse(p->fault, "\"%s\" is not known here; write stderr, "
        "file:PATH, syslog or journal", p->text);
}

static char *
format_log(const struct option *option, const void *field, size_t index)
{
    const struct log_fields *log = field;
    char *text;

    (void)option;
    (void)index;
    for (size_t i = 0; i < COUNT(log_words); i++)
        if (log_words[i].value == log->target)
            return strdup(log_words[i].word);
    return asprintf(&text, "file:%s", log->path) < 0 ? NULL : text;
}

static void
clear_log(void *field)
{
    struct log_fields *log = field;

    free(log->path);
    *log = (struct log_fields){ 0 };
}

/* What types that are kept in the same way have in common. */
#define STRING \
    .count = count_string, .format = format_string, .clear = clear_string
#define STRINGS \
    .count = count_strings, .format = format_strings, .clear = clear_strings
#define ENDPOINTS \
    .count = endpoint_count, .format = format_endpoint, \
    .clear = clear_endpoints, .origin = endpoint_origin

const struct config_type config_type_table[] = {
    [OPTION_BOOL] = { .parse = parse_bool, .format = format_bool,
        .expects = "yes or no" },
    [OPTION_WORD] = { .parse = parse_word, .format = format_word,
        .describe = describe_word },
    [OPTION_NUMBER] = { .parse = parse_count, .format = format_number,
        .describe = config_number_expects },
    [OPTION_MSEC] = { .parse = parse_msec, .format = format_msec,
        .describe = config_number_expects_time },
    [OPTION_SIZE] = { .parse = parse_size, .format = format_size,
        .describe = config_number_expects_size },
    [OPTION_MODE] = { .parse = parse_mode, .format = format_mode,
        .expects = "octal digits, such as 0660" },
    [OPTION_PATH] = { .parse = parse_file, STRING, .expects = "FILE" },
    [OPTION_PATHS] = { .parse = parse_files, STRINGS, .expects = "FILE" },
    [OPTION_TRUST] = { .parse = parse_trust, STRINGS,
        .expects = "FILE, DIRECTORY or system" },
    [OPTION_PATTERNS] = { .parse = parse_patterns, STRINGS,
        .expects = "PATTERN" },
    [OPTION_JOINED] = { .parse = parse_joined, .count = count_joined,
        .format = format_joined, .clear = clear_string,
        .expects = "NAME[:NAME...]" },
    [OPTION_PROTOCOLS] = { .parse = parse_protocols, STRINGS,
        .expects = "NAME[, NAME...]" },
    [OPTION_KEEPALIVE] = { .parse = parse_keepalive,
        .format = format_keepalive,
        .expects = "IDLE INTERVAL COUNT, or off" },
    [OPTION_HOST] = { .parse = parse_host_name, STRING,
        .expects = "a host name or an IP address" },
    [OPTION_SNI] = { .parse = parse_sni, STRING,
        .expects = "a host name, or none" },
    [OPTION_OWNER] = { .parse = parse_owner, STRING,
        .expects = "USER or USER:GROUP" },
    [OPTION_ACCOUNT] = { .parse = parse_account, STRING, .expects = "NAME" },
    [OPTION_CONTROL] = { .parse = parse_control, STRING,
        .expects = "FILE, auto or none" },
    [OPTION_LISTEN] = { .parse = parse_listen, ENDPOINTS,
        .expects = "ENDPOINT" },
    [OPTION_CONNECT] = { .parse = parse_connect, ENDPOINTS,
        .expects = "ENDPOINT" },
    [OPTION_MATCH] = { .parse = parse_match, .count = count_matches,
        .format = format_match, .clear = clear_matches,
        .origin = match_origin,
        .expects = "sni:NAME, alpn:NAME, proto:NAME, from:NET" },
    [OPTION_ALLOW] = { .parse = parse_allow, .count = count_allow,
        .format = format_allow, .clear = clear_allow,
        .expects = "cn:NAME, dns:NAME, uri:URI, spki:DIGEST" },
    [OPTION_LOG] = { .parse = parse_log, .format = format_log,
        .clear = clear_log,
        .expects = "stderr, file:PATH, syslog or journal" },
};

static_assert(COUNT(config_type_table) == OPTION_TYPE_COUNT,
    "every type has its row");
