#include "config/config_type_rows.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_account.h"
#include "config/config_alpn.h"
#include "config/config_fault.h"
#include "config/config_fields.h"
#include "config/config_host.h"
#include "config/config_joined.h"
#include "config/config_pin.h"

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

/* OPTION_PINS */

static bool
parse_pin(const struct config_parse *p)
{
    return config_pin_add(p->field, p->text, p->fault);
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
            "names only: write a name, client or none", p->text);
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

const struct config_type config_type_path = {
    .parse = parse_file,
    STRING,
    .expects = "FILE",
};

const struct config_type config_type_paths = {
    .parse = parse_files,
    STRINGS,
    .expects = "FILE",
};

const struct config_type config_type_trust = {
    .parse = parse_trust,
    STRINGS,
    .expects = "FILE, DIRECTORY or system",
};

const struct config_type config_type_patterns = {
    .parse = parse_patterns,
    STRINGS,
    .expects = "PATTERN",
};

const struct config_type config_type_control = {
    .parse = parse_control,
    STRING,
    .expects = "FILE, auto or none",
};

const struct config_type config_type_joined = {
    .parse = parse_joined,
    .count = count_joined,
    .format = format_joined,
    .clear = clear_string,
    .expects = "NAME[:NAME...]",
};

const struct config_type config_type_protocols = {
    .parse = parse_protocols,
    STRINGS,
    .expects = "NAME[, NAME...]",
};

const struct config_type config_type_pins = {
    .parse = parse_pin,
    STRINGS,
    .expects = "sha256/DIGEST",
};

const struct config_type config_type_host = {
    .parse = parse_host_name,
    STRING,
    .expects = "a host name or an IP address",
};

const struct config_type config_type_sni = {
    .parse = parse_sni,
    STRING,
    .expects = "a host name, client or none",
};

const struct config_type config_type_owner = {
    .parse = parse_owner,
    STRING,
    .expects = "USER or USER:GROUP",
};

const struct config_type config_type_account = {
    .parse = parse_account,
    STRING,
    .expects = "NAME",
};

const struct config_type config_type_log = {
    .parse = parse_log,
    .format = format_log,
    .clear = clear_log,
    .expects = "stderr, file:PATH, syslog or journal",
};
