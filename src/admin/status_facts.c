#include "admin/status_facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/number.h"

enum { LINE_SIZE = 600 };

static const struct {
    const char *key;
    size_t offset;
    size_t size; /* of text; 0: a number */
} fields[] = {
#define TEXT(name) \
    { #name, offsetof(struct status_facts, name), \
        sizeof(((struct status_facts *)0)->name) }
#define NUMBER(name) { #name, offsetof(struct status_facts, name), 0 }
    TEXT(version),
    TEXT(config),
    NUMBER(pid),
    NUMBER(started_ms),
    NUMBER(generation),
    NUMBER(workers),
    TEXT(sandbox),
    TEXT(not_enforced),
    TEXT(certs),
    TEXT(certs_fault),
    TEXT(certs_left_out),
    NUMBER(reload_s),
    TEXT(reload_text),
#undef TEXT
#undef NUMBER
};

static const char *const reloads[] = {
    [RELOAD_NONE] = "none",
    [RELOAD_DONE] = "ok",
    [RELOAD_FAILED] = "failed",
};

void
status_facts_set(char *field, size_t size, const char *text)
{
    escape_bytes(field, size, text, strlen(text), ESCAPE_MESSAGE);
}

/* Escaped here too: a newline in a path must not become a line. */
static int
format_field(const struct status_facts *facts, size_t index, char *text,
    size_t size)
{
    const char *field = (const char *)facts + fields[index].offset;
    char escaped[LINE_SIZE];
    uint64_t number;

    if (fields[index].size == 0) {
        memcpy(&number, field, sizeof(number));
        return snprintf(text, size, "%s %" PRIu64 "\n", fields[index].key,
            number);
    }
    status_facts_set(escaped, fields[index].size, field);
    return snprintf(text, size, "%s %s\n", fields[index].key, escaped);
}

size_t
status_facts_format(
    const struct status_facts *facts, char text[STATUS_FACTS_SIZE])
{
    size_t length = 0;

    for (size_t i = 0; i < COUNT(fields); i++)
        length += (size_t)format_field(facts, i, text + length,
            STATUS_FACTS_SIZE - length);
    length += (size_t)snprintf(text + length, STATUS_FACTS_SIZE - length,
        "reload %s\n", reloads[facts->reload]);
    return length;
}

static bool
parse_reload(struct status_facts *facts, const char *value)
{
    for (size_t i = 0; i < COUNT(reloads); i++) {
        if (strcmp(value, reloads[i]) != 0)
            continue;
        facts->reload = (enum status_reload)i;
        return true;
    }
    return false;
}

static bool
parse_field(struct status_facts *facts, const char *key, const char *value)
{
    if (strcmp(key, "reload") == 0)
        return parse_reload(facts, value);
    for (size_t i = 0; i < COUNT(fields); i++) {
        char *field = (char *)facts + fields[i].offset;
        uint64_t number;

        if (strcmp(key, fields[i].key) != 0)
            continue;
        if (fields[i].size > 0) {
            status_facts_set(field, fields[i].size, value);
            return true;
        }
        if (!number_parse(value, &number))
            return false;
        memcpy(field, &number, sizeof(number));
        return true;
    }
    return true;
}

static bool
parse_line(struct status_facts *facts, const char *text, size_t length)
{
    char line[LINE_SIZE];
    char *blank;

    if (length >= sizeof(line) || memchr(text, '\0', length) != NULL)
        return false;
    memcpy(line, text, length);
    line[length] = '\0';
    blank = strchr(line, ' ');
    if (blank == NULL)
        return false;
    *blank = '\0';
    return parse_field(facts, line, blank + 1);
}

bool
status_facts_parse(
    struct status_facts *facts, const char *text, size_t length)
{
    *facts = (struct status_facts){ .reload = RELOAD_NONE };
    while (length > 0) {
        const char *end = memchr(text, '\n', length);
        size_t size;

        if (end == NULL)
            return false;
        size = (size_t)(end - text);
        if (!parse_line(facts, text, size))
            return false;
        text += size + 1;
        length -= size + 1;
    }
    return true;
}
