#include "config/config_read.h"

#include <ini.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/config_fault.h"
#include "config/config_foreign.h"
#include "config/config_line.h"
#include "config/config_options.h"
#include "config/config_pem.h"
#include "config/config_suggest.h"
#include "config/config_title.h"

#define SECTIONS_MAX 10000

enum { SECTION_TITLE_SIZE = LINE_NAME_MAX + 16 };

/* What goes between our reader of lines and inih's handler of values. */
struct reader {
    struct config_source *source;
    const struct source_file *file;
    struct error *error;
    const char *next;       /* the rest of the text */
    size_t left;
    unsigned number;        /* of the current line */
    struct line line;       /* the current line, judged */
    bool assumed;           /* the section is that of a service by guess */
    bool awaited;           /* inih owes us its view of the line */
    bool in_section;        /* the last of the source; else keys are skipped */
    char title[LINE_NAME_MAX + 1]; /* its title, as it was written */
    bool skipping;          /* a section that is not known: said once */
    bool said_stray;
    bool said_dos;
    bool in_pem;            /* within a block, whose lines are not read */
};

static struct origin
origin_at(const struct source_file *file, unsigned line)
{
    return (struct origin){
        .file = file->name, .line = line, .number = file->number,
    };
}

static struct origin
current_origin(const struct reader *reader)
{
    return origin_at(reader->file, reader->number);
}

static struct section *
current_section(const struct reader *reader)
{
    return reader->in_section
        ? &reader->source->sections[reader->source->count - 1] : NULL;
}

static void
report_line_fault(
    const struct reader *reader, const char *key, const struct fault *fault)
{
    struct section *section = current_section(reader);
    struct origin origin = current_origin(reader);

    if (section != NULL)
        section->faulty = true;
    config_fault_report(reader->error, &origin,
        section != NULL ? section->title : NULL, key, fault);
}

static void PRINTF_LIKE(3, 4)
report_line(
    const struct reader *reader, const char *key, const char *format, ...)
{
    struct fault fault;
    va_list arguments;

    va_start(arguments, format);
    config_fault_vset(&fault, format, arguments);
    va_end(arguments);
    report_line_fault(reader, key, &fault);
}

struct section *
config_read_add_section(struct config_source *source, enum section_kind kind,
    const char *title, const struct origin *origin, struct error *error)
{
    struct section *grown = NULL;
    char *copy = strdup(title);
    const char *blank = copy != NULL ? strchr(copy, ' ') : NULL;

    if (copy != NULL)
        grown = reallocarray(source->sections, source->count + 1,
            sizeof(*grown));
    if (grown == NULL) {
        free(copy);
        error_no_memory(error);
        return NULL;
    }
    source->sections = grown;
    grown += source->count++;
    *grown = (struct section){
        .kind = kind, .title = copy, .origin = *origin,
        .name = blank != NULL ? blank + 1 : strchr(copy, '\0'),
    };
    return grown;
}

bool
config_read_add(struct section *section, const struct option *option,
    const char *value, const struct origin *origin, struct error *error)
{
    struct assignment *grown = NULL;
    char *copy = strdup(value);

    if (copy != NULL)
        grown = reallocarray(section->items, section->count + 1,
            sizeof(*grown));
    if (grown == NULL) {
        free(copy);
        error_no_memory(error);
        return false;
    }
    section->items = grown;
    section->items[section->count++] = (struct assignment){
        .option = option, .value = copy, .origin = *origin,
    };
    return true;
}

static const struct section *
find_section(const struct config_source *source, const char *title)
{
    for (size_t i = 0; i < source->count; i++) {
        if (strcmp(source->sections[i].title, title) == 0)
            return &source->sections[i];
    }
    return NULL;
}

/* A section that is to be opened. */
struct opening {
    char title[SECTION_TITLE_SIZE];
    enum section_kind kind;
    bool assumed; /* a service's, by guess */
    bool faulty;
};

/* False: the section is not known.  A service's name alone, as other programs have
 * it, is told, and taken for the service, so that what it has is told too. */
static bool
judge_title(struct reader *reader, struct opening *opening)
{
    const char *title = reader->line.section;
    struct fault fault;

    snprintf(opening->title, sizeof(opening->title), "%s", title);
    if (config_title_judge(title, &opening->kind, &fault))
        return true;
    config_fault_shorten(&fault, title);
    report_line_fault(reader, NULL, &fault);
    opening->assumed = opening->faulty = true;
    snprintf(opening->title, sizeof(opening->title), "service %s", title);
    return config_title_is_name(title) &&
        config_title_judge(opening->title, &opening->kind, &fault);
}

/* True if the section may be opened here; keys of others are skipped.  Those of
 * a twin are not, because they may have faults of their own. */
static bool
may_open(struct reader *reader, struct opening *opening)
{
    const char *title = opening->title;
    const struct section *twin;

    if (!judge_title(reader, opening))
        return false;
    if (reader->file->included && opening->kind != SECTION_SERVICE) {
        report_line(reader, NULL, "[%s] belongs in the main file; an included "
            "file holds [service NAME] sections only", title);
        return false;
    }
    if (reader->source->count >= SECTIONS_MAX) {
        report_line(reader, NULL, "there are more than %d sections",
            SECTIONS_MAX);
        return false;
    }
    twin = find_section(reader->source, title);
    if (twin != NULL)
        report_line(reader, NULL, "the section [%s] is already at %s:%u; "
            "write it once", title, twin->origin.file, twin->origin.line);
    opening->faulty = opening->faulty || twin != NULL;
    return true;
}

static void
open_section(struct reader *reader)
{
    struct opening opening = { .faulty = false };
    struct origin origin = current_origin(reader);
    struct section *section;

    if (!may_open(reader, &opening))
        return;
    section = config_read_add_section(reader->source, opening.kind,
        opening.title, &origin, reader->error);
    if (section == NULL)
        return;
    section->directory = reader->file->directory;
    section->faulty = opening.faulty;
    reader->assumed = opening.assumed;
    snprintf(reader->title, sizeof(reader->title), "%s", reader->line.section);
    reader->in_section = true;
}

static const struct assignment *
find_assignment(const struct section *section, const struct option *option)
{
    for (size_t i = 0; i < section->count; i++) {
        if (section->items[i].option == option)
            return &section->items[i];
    }
    return NULL;
}

/* NULL: the key may not stand here, which has been reported. */
static const struct option *
judge_key(const struct reader *reader, const struct section *section,
    const char *key)
{
    enum option_scope scope = section->kind == SECTION_GLOBAL
        ? OPTION_GLOBAL : OPTION_SERVICE;
    const struct option *option = config_option_find(scope, key);
    const struct assignment *first;
    char hint[CONFIG_HINT_SIZE];

    /* What follows from a title that is not known is not told again. */
    if (option == NULL && reader->assumed && config_foreign_find(key) == NULL)
        return NULL;
    if (option == NULL) {
        report_line(reader, key, "there is no such option in this section; %s",
            config_suggest_option(scope, key, reader->line.value, hint));
        return NULL;
    }
    if (section->kind == SECTION_DEFAULTS && (option->flags & OPTION_OWN)) {
        report_line(reader, key, "every service has its own; write it in "
            "[service NAME]");
        return NULL;
    }
    first = find_assignment(section, option);
    if (first != NULL && !(option->flags & OPTION_LIST)) {
        report_line(reader, key, "it is already set at %s:%u; write it once",
            first->origin.file, first->origin.line);
        return NULL;
    }
    return option;
}

static int
take_value(void *arg, const char *title, const char *key, const char *value)
{
    struct reader *reader = arg;
    struct section *section = current_section(reader);
    const struct option *option;
    struct origin origin = current_origin(reader);

    if (!reader->awaited || section == NULL
        || strcmp(title, reader->title) != 0
        || strcmp(key, reader->line.key) != 0
        || strcmp(value, reader->line.value) != 0)
        return 0;
    reader->awaited = false;
    option = judge_key(reader, section, key);
    if (option == NULL)
        return 1;
    if (*value == '\0')
        report_line(reader, key, "the value is missing after the '='");
    else if (!config_read_add(section, option, value, &origin,
        reader->error))
        return 0;
    return 1;
}

/* The next line without its newline and, after one complaint in a file, the
 * carriage return before it.  False: there is none. */
static bool
next_config_line(struct reader *reader, const char **line, size_t *length)
{
    const char *end;

    if (reader->left == 0)
        return false;
    *line = reader->next;
    end = memchr(reader->next, '\n', reader->left);
    *length = end != NULL ? (size_t)(end - reader->next) : reader->left;
    reader->next += *length + (end != NULL);
    reader->left -= *length + (end != NULL);
    reader->number++;
    if (*length > 0 && (*line)[*length - 1] == '\r') {
        --*length;
        if (!reader->said_dos)
            report_line(reader, NULL,
                "the line ends as in DOS, with a carriage "
                "return; convert the file: sed -i 's/\\r$//' FILE");
        reader->said_dos = true;
    }
    return true;
}

/* Other programs' options are told of one by one: files of theirs begin with
 * them. */
static void
report_stray(struct reader *reader)
{
    const char *key = reader->line.key;
    const char *advice = config_foreign_advice(key);

    if (advice != NULL)
        report_line(reader, key, "%s", advice);
    else if (!reader->said_stray)
        report_line(reader, key, "it stands before any section; begin "
            "with [global], [defaults] or [service NAME]");
    reader->said_stray = reader->said_stray || advice == NULL;
}

/* True if inih is to see the line. */
static bool
admit_line(struct reader *reader)
{
    const struct line *line = &reader->line;

    if (line->kind == LINE_SECTION || line->is_header) {
        reader->in_section = false;
        reader->skipping = true;
    }
    if (line->kind == LINE_BAD)
        report_line_fault(reader, *line->key != '\0' ? line->key : NULL,
            &line->fault);
    if (line->kind == LINE_SECTION) {
        open_section(reader);
        return reader->in_section;
    }
    if (line->kind != LINE_ASSIGNMENT)
        return false;
    if (!reader->in_section && !reader->skipping)
        report_stray(reader);
    reader->awaited = reader->in_section;
    return reader->in_section;
}

/* True if the line is of a PEM block, which is told once. */
static bool
is_of_pem(struct reader *reader, const char *line, size_t length)
{
    char label[CONFIG_PEM_LABEL_SIZE];
    bool begins = config_pem_begins(line, length, label);
    bool inside = begins || reader->in_pem;

    if (begins && !reader->in_pem)
        report_line(reader, NULL, "a PEM block (%s) begins here; keep it in a "
            "file of its own, and name that with listen.cert, listen.key, "
            "connect.ca and their like", label);
    reader->in_pem = inside && !config_pem_ends(line, length);
    return inside;
}

/* For inih: one line, or an empty one in place of one that it must not see. */
static char *
give_line(char *buffer, int size, void *arg)
{
    struct reader *reader = arg;
    const char *line;
    size_t length;

    if (reader->awaited) {
        report_line(
            reader, reader->line.key, "the line is not understood");
        reader->awaited = false;
    }
    if (size < LINE_MAX_LENGTH + 2 || !next_config_line(reader, &line, &length))
        return NULL;
    if (is_of_pem(reader, line, length))
        length = 0;
    config_line_judge(&reader->line, line, length);
    if (!admit_line(reader))
        length = 0;
    memcpy(buffer, line, length);
    memcpy(buffer + length, "\n", 2);
    return buffer;
}

/* A certificate or key that was taken for a configuration.  False: it was not. */
static bool
is_refused_as_pem(const struct source_file *file, struct error *error)
{
    char label[CONFIG_PEM_LABEL_SIZE];
    struct origin origin;
    unsigned line;

    if (!config_pem_is_all(file->text, file->length, &line, label))
        return false;
    origin = origin_at(file, line);
    config_fault_add(error, &origin, NULL, NULL, "this is a PEM file (%s), and "
        "not a configuration; a configuration names it with listen.cert, "
        "listen.key, connect.ca and their like", label);
    return true;
}

void
config_read(struct config_source *source, const struct source_file *file,
    struct error *error)
{
    struct reader reader = {
        .source = source, .file = file, .error = error,
        .next = file->text, .left = file->length,
    };
    struct origin whole = origin_at(file, 1);

    if (is_refused_as_pem(file, error))
        return;
    if (ini_parse_stream(give_line, &reader, take_value, &reader) != 0
        && !error_any(error))
        config_fault_add(error, &whole, NULL, NULL,
            "the file is not understood");
    if (reader.left > 0)
        config_fault_add(error, &whole, NULL, NULL,
            "inih was built for shorter lines than %d bytes",
            LINE_MAX_LENGTH);
}

void
config_read_free(struct config_source *source)
{
    for (size_t i = 0; i < source->count; i++) {
        struct section *section = &source->sections[i];

        for (size_t j = 0; j < section->count; j++)
            free(section->items[j].value);
        free(section->items);
        free(section->title);
    }
    free(source->sections);
    *source = (struct config_source){ 0 };
}
