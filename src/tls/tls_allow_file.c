#include "tls/tls_allow_file.h"

#include <stdbool.h>
#include <string.h>

#include "config/config_allow.h"
#include "config/config_fault.h"
#include "tls/tls_load.h"

enum {
    LINE_MOST = 8191,
    /* Each peer is compared with all of them, as often as it has names. */
    RULES_MOST = 10000,
    FAULTS_MOST = 10,
};

/* A file while it is read. */
struct rule_file {
    const struct tls_load *load;
    const char *path;
    struct allow_rules *rules;
    unsigned number; /* of the line */
    unsigned faults;
};

static void
refuse_rule(struct rule_file *file, const struct fault *fault)
{
    file->faults++;
    tls_load_fault_word(file->load, "allow_file", file->path, "%s:%u: %s",
        file->path, file->number, fault->text);
}

static bool
has_control_byte(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (((unsigned char)line[i] < ' ' && line[i] != '\t') ||
            line[i] == 0x7f)
            return true;
    return false;
}

static bool
is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

/* False: `fault` says why. */
static bool
add_rule(struct rule_file *file, const char *line, size_t length,
    struct fault *fault)
{
    char text[LINE_MOST + 1];

    if (length > LINE_MOST)
        return config_refuse(fault, "the line has more than %d bytes",
            LINE_MOST);
    if (has_control_byte(line, length))
        return config_refuse(fault, "the line has a control byte in it; each "
            "line is a rule, as behind %s.allow =", file->load->side);
    if (file->rules->count >= RULES_MOST)
        return config_refuse(fault, "there are more rules than %d",
            RULES_MOST);
    memcpy(text, line, length);
    text[length] = '\0';
    if (config_allow_add(file->rules, text, fault))
        return true;
    config_fault_shorten(fault, text);
    return false;
}

/* Returns where the one after it begins. */
static const char *
read_rule(struct rule_file *file, const char *line, const char *end)
{
    const char *newline = memchr(line, '\n', (size_t)(end - line));
    const char *stop = newline != NULL ? newline : end;
    const char *next = newline != NULL ? newline + 1 : end;
    struct fault fault;

    file->number++;
    while (stop > line && is_blank(stop[-1]))
        stop--;
    while (line < stop && is_blank(*line))
        line++;
    if (line < stop && *line != '#' && *line != ';' &&
        !add_rule(file, line, (size_t)(stop - line), &fault))
        refuse_rule(file, &fault);
    return next;
}

static void
read_rules(struct rule_file *file, const char *text, size_t length)
{
    const char *end = text + length;
    size_t before = file->rules->count;

    while (text < end && file->faults < FAULTS_MOST)
        text = read_rule(file, text, end);
    if (file->faults == 0 && file->rules->count == before)
        tls_load_fault(file->load, "allow_file", "%s: there is no rule in it, "
            "which would let no peer in; each line is a rule", file->path);
}

void
tls_allow_file_read(const struct tls_load *load, struct allow_rules *rules)
{
    const struct strings *paths = &load->leg->allow_files;

    for (size_t i = 0; i < paths->count; i++) {
        struct rule_file reading = {
            .load = load, .path = paths->items[i], .rules = rules,
        };
        struct tls_file file;

        if (!tls_file_read(load, "allow_file", FILE_FOR_TLS, reading.path,
                TLS_FILE_KEYS_BYTES, &file))
            continue;
        read_rules(&reading, file.content.text, file.content.length);
        tls_file_free(&file);
    }
}
